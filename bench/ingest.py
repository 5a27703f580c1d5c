"""How long a 1,000,000-row, 100 MB TSV or a corpus of that size takes to import, and how much memory; prints JSON.

    python -m bench.ingest [--rows N] [--keep FOLDER]
    python -m bench.ingest --corpus [--megabytes N] [--record]

The memory is this process's peak resident size above its size when everything is imported and idle. `--record` keeps the
figures in `bench/results`; `python -m bench.report` writes the report anew.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import psutil

from bench import machine
from nlpstudio.engine.data.importing import import_file
from nlpstudio.engine.data.options import ImportOptions
from nlpstudio.engine.data.sniffing import sniff
from nlpstudio.engine.data.store import DatasetFolder

WORDS = [
    "the",
    "a",
    "room",
    "view",
    "staff",
    "was",
    "very",
    "good",
    "bad",
    "clean",
    "dirty",
    "breakfast",
    "房间",
    "干净",
    "服务",
    "很好",
    "不好",
    "早餐",
    "一般",
    "again",
    "never",
]
ROW_BYTES = 100
MEBI = 1024 * 1024
KEPT = Path(__file__).parent / "results" / "ingest-corpus.json"
MEGA = 1_000_000
CHINESE = "的一是不了在人有我他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么"
REPEATED = 20
"""One document in so many is one that was there before, and is to be found and left out."""


def peak_bytes() -> int:
    """This process's largest resident size; unlike `ru_maxrss` it does not begin with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def write_rows(path: Path, rows: int) -> None:
    """Rows of about 100 bytes, a few of them broken, the same on every machine."""
    rng = random.Random(0)
    with path.open("w", encoding="utf-8") as out:
        out.write("text\tlabel\n")
        for number in range(rows):
            words = [f"{number}"]
            size = len(words[0])
            while size < ROW_BYTES - 8:
                words.append(rng.choice(WORDS))
                size += len(words[-1].encode()) + 1
            label = rng.choice(("pos", "neg", "neutral"))
            ending = "" if number % 10_000 == 9_999 else f"\t{label}"  # one in 10,000 lines lacks its label
            out.write(" ".join(words) + ending + "\n")


def measure(folder: Path, rows: int) -> dict[str, float | int]:
    """Import and page through the data set; sizes in MiB, times in seconds."""
    source = folder / "rows.tsv"
    write_rows(source, rows)
    idle = psutil.Process().memory_info().rss
    started = time.perf_counter()
    sniff(source, "classification")
    sniffed = time.perf_counter()
    report = import_file(source, folder / "set", ImportOptions(task="classification"))
    imported = time.perf_counter()
    peak = peak_bytes()
    dataset = DatasetFolder.open(folder / "set")
    counted = sum(1 for _ in dataset.rows())
    read = time.perf_counter()
    dataset.page(rows // 2, 50)
    paged = time.perf_counter()
    _, found = dataset.page(0, 50, split="test", query="breakfast", label="pos")
    searched = time.perf_counter()
    return {
        "rows": rows,
        "source_mib": round(source.stat().st_size / MEBI, 1),
        "good_rows": report.info.rows,
        "rejected_rows": report.info.rejected_count,
        "rows_read_back": counted,
        "rows_found": found,
        "idle_mib": round(idle / MEBI, 1),
        "import_peak_over_idle_mib": round((peak - idle) / MEBI, 1),
        "peak_over_idle_mib": round((peak_bytes() - idle) / MEBI, 1),
        "sniff_s": round(sniffed - started, 3),
        "import_s": round(imported - sniffed, 2),
        "read_all_s": round(read - imported, 2),
        "page_s": round(paged - read, 3),
        "search_s": round(searched - paged, 3),
        "stored_mib": round(sum(path.stat().st_size for path in (folder / "set").iterdir()) / MEBI, 1),
    }


def write_corpus(path: Path, size: int) -> int:
    """Documents of some lines with an empty line between, English and Chinese by turns, some of them twice; how many."""
    rng, written, count = random.Random(0), 0, 0
    earlier = ""
    with path.open("w", encoding="utf-8") as out:
        while written < size:
            lines = rng.randint(2, 12)
            document = (
                earlier if count % REPEATED == REPEATED - 1 else "\n".join(_line(rng, count) for _ in range(lines))
            )
            earlier = document if count % REPEATED == 0 else earlier
            out.write(document + "\n\n")
            written += len(document.encode()) + 2
            count += 1
    return count


def _line(rng: random.Random, document: int) -> str:
    if document % 2:
        return "".join(rng.choice(CHINESE) for _ in range(rng.randint(15, 60))) + "。"
    return " ".join(rng.choice(WORDS[:12]) for _ in range(rng.randint(8, 40))) + "."


def measure_corpus(folder: Path, size: int) -> dict[str, float | int]:
    """Import a corpus, cleaned and without its repetitions; sizes in MiB, times in seconds."""
    source = folder / "corpus.txt"
    documents = write_corpus(source, size)
    idle = psutil.Process().memory_info().rss
    started, spent = time.perf_counter(), time.process_time()
    found = import_file(source, folder / "set", ImportOptions(task="pretraining"))
    imported = time.perf_counter()
    peak = peak_bytes()
    return {
        "source_mib": round(source.stat().st_size / MEBI, 1),
        "documents": documents,
        "documents_kept": found.info.rows,
        "import_s": round(imported - started, 1),
        "import_cpu_s": round(time.process_time() - spent, 1),
        "idle_mib": round(idle / MEBI, 1),
        "import_peak_over_idle_mib": round((peak - idle) / MEBI, 1),
        "stored_mib": round(sum(path.stat().st_size for path in (folder / "set").iterdir()) / MEBI, 1),
    }


def keep(measured: dict[str, float | int]) -> None:
    """Where the report finds them."""
    KEPT.write_text(json.dumps({"machine": machine.describe(), **measured}, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="leave the file and the data set in this folder")
    parser.add_argument("--corpus", action="store_true", help="plain text for pre-training in place of rows")
    parser.add_argument("--megabytes", type=int, default=100, help="of the corpus")
    parser.add_argument("--record", action="store_true", help="keep the corpus's figures for the report")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as passing:
        folder = given.keep or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        measured = measure_corpus(folder, given.megabytes * MEGA) if given.corpus else measure(folder, given.rows)
    print(json.dumps(measured, indent=1))
    if given.record and given.corpus:
        keep(measured)


if __name__ == "__main__":
    main()
