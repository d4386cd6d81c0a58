import json
import subprocess
import sys

import httpx
import psutil

# What nobody should wait for who opens a page.
HEAVY = {"numpy", "onnxruntime", "pandas", "plotly", "polars", "pyarrow", "scipy", "sklearn"}

CODE = """
import json, sys
from lapwise.server import create_app
create_app(lambda: None)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_the_application_is_made_without_what_computes_or_opens_a_store() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    assert not loaded & (HEAVY | {"sqlalchemy", "sqlite3"})


def test_no_page_loads_what_computes(site: str, client: httpx.Client) -> None:
    """Seen from outside: the process maps none of their libraries."""
    for path in (
        "/",
        "/models/flight-delay/drift",
        "/models/flight-delay/rollouts/2",
        "/features",
        "/features/plane",
    ):
        assert client.get(path).status_code == 200
    port = int(site.rpartition(":")[2])
    server = next(
        child
        for child in psutil.Process().children()
        if port in {tuple(one.laddr)[1] for one in child.net_connections("tcp")}
    )
    mapped = [one.path for one in server.memory_maps()]
    assert not {word for word in HEAVY for path in mapped if f"/{word}/" in path}
