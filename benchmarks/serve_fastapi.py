"""FastAPI with scikit-learn, as most write it: ``serve_fastapi.py MODEL.skops PORT_FILE``."""

import socket
import sys
from pathlib import Path
from typing import Any

import fastapi  # type: ignore[import-not-found,unused-ignore]  # in an environment of its own
import pandas as pd
import pydantic  # type: ignore[import-not-found,unused-ignore]
import skops.io
import uvicorn

NUMBERS = [f"n{at}" for at in range(17)]
TEXTS = ["carrier", "origin", "dest"]

model = skops.io.load(sys.argv[1], trusted=skops.io.get_untrusted_types(file=sys.argv[1]))
columns: dict[str, Any] = dict.fromkeys(NUMBERS, (list[float | None], ...))
columns |= dict.fromkeys(TEXTS, (list[str | None], ...))
Rows: Any = pydantic.create_model("Rows", **columns)
app: Any = fastapi.FastAPI()


@app.post("/predict")  # type: ignore[untyped-decorator]
async def predict(rows: Rows) -> dict[str, list[float]]:
    frame = pd.DataFrame(rows.model_dump())
    return {"score": model.predict_proba(frame)[:, 1].tolist()}


listener = socket.create_server(("127.0.0.1", 0))
fresh = Path(sys.argv[2]).with_suffix(".new")
fresh.write_text(str(listener.getsockname()[1]))
fresh.rename(sys.argv[2])
config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
uvicorn.Server(config).run(sockets=[listener])
