"""A PostgreSQL server for the tests: a private one that ends with us, or the one that runs here.

`server_url()` is for tests. As a program it runs a command with `TEST_DATABASE_URL` set:
`python -m tests.postgres pytest …`; without any server it says so and leaves with 0.
"""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

DATABASE = "nlpstudio"
SOCKETS = ("/var/run/postgresql", "/tmp")


@functools.cache
def server_url() -> str | None:
    """The URL of a database on a server where we may create databases, or None when there can be none.

    `TEST_DATABASE_URL` goes first; then one that is made and started for this process, where PostgreSQL is
    installed (it writes nothing through to the disk, so emptying tables is quick); then a server at the usual
    socket that trusts us.
    """
    if given := os.environ.get("TEST_DATABASE_URL"):
        return given
    if found := binaries():
        return _start(found)
    users = ("postgres", pwd.getpwuid(os.getuid()).pw_name)
    return next((_url(folder, user) for folder in SOCKETS for user in users if _accepts(folder, user)), None)


def _url(folder: str, user: str) -> str:
    """As Django's settings read it: the socket's folder stands where a host would."""
    return f"postgres://{user}@/{folder}/{DATABASE}"


def _accepts(folder: str, user: str) -> bool:
    try:
        with psycopg.connect(host=folder, user=user, dbname="postgres", connect_timeout=3) as connection:
            row = connection.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
            return bool((row.fetchone() or (False,))[0])
    except psycopg.OperationalError:
        return False


def binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`: Debian keeps them out of the search path."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    found = shutil.which("initdb")
    return installed[-1].parent if installed else Path(found).parent if found else None


def _start(binaries: Path) -> str:
    """Make and start a server in a temporary folder; it is stopped and removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    account = ordinary_user() if os.getuid() == 0 else pwd.getpwuid(os.getuid())  # it refuses to run as root
    os.chown(folder, account.pw_uid, account.pw_gid)
    data = folder / "data"
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c full_page_writes=off"

    def run(*command: str) -> None:
        as_user = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        prefix = as_user if os.getuid() == 0 else []
        subprocess.run([*prefix, *command], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    run(str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    control = str(binaries / "pg_ctl")
    run(control, "start", "-w", "-s", "-D", str(data), "-l", str(folder / "log"), "-o", options)
    atexit.register(run, control, "stop", "-s", "-m", "immediate", "-D", str(data))
    return _url(str(folder), "postgres")


def ordinary_user() -> pwd.struct_passwd:
    names = {account.pw_name: account for account in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def main(command: list[str]) -> int:
    """Run the command with `TEST_DATABASE_URL`; its exit code is ours."""
    url = server_url()
    if url is None:
        sys.stderr.write("PostgreSQL is not installed and no server answers: its tests are left out.\n")
        return 0
    return subprocess.run(command, env={**os.environ, "TEST_DATABASE_URL": url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
