"""The serve worker without its database: the same app, pool and processes as `manage.py serve`, on a TCP port.

python -m bench.serving.our_server MODELS PORT
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import uvicorn

from nlpstudio.engine.inference.pool import Pool
from nlpstudio.engine.inference.process import ProcessPredictor, prepare
from nlpstudio.engine.inference.server import ServeApp

if __name__ == "__main__":
    pool = Pool(Path(sys.argv[1]), partial(ProcessPredictor, prepare()), budget_bytes=2 << 30)
    uvicorn.run(ServeApp(pool), port=int(sys.argv[2]), log_level="warning", lifespan="off", access_log=False)
