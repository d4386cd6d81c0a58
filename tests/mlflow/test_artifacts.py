"""Files through the client: sent, listed, taken again; large ones, and in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest

from lapwise.store.model import Store
from tests.mlflow.driving import Client, Server, client_of

pytestmark = pytest.mark.prove

MB = 1_000_000


def test_files_of_all_kinds_come_back_as_they_were(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        import tempfile
        from pathlib import Path

        import matplotlib.figure
        import pandas as pd

        mlflow.set_experiment(experiment)
        folder = Path(tempfile.mkdtemp())
        (folder / "deep" / "er").mkdir(parents=True)
        names = ["a.bin", "deep/b c.txt", "deep/er/ü.json", "deep/100%.txt", "empty"]
        for at, name in enumerate(names):
            content = b"" if name == "empty" else bytes(range(256)) * (at + 1)
            (folder / name).write_bytes(content)
        with mlflow.start_run() as run:
            mlflow.log_artifacts(folder, "up")
            mlflow.log_artifact(folder / "a.bin")
            mlflow.log_text("words", "notes/t.txt")
            mlflow.log_dict({"a": [1]}, "d.json")
            mlflow.log_table({"x": [1, 2]}, "table.json")
            mlflow.log_figure(matplotlib.figure.Figure(), "fig.png")
            mlflow.log_table({"x": [3]}, "table.json")
            table = mlflow.load_table("table.json", run_ids=[run.info.run_id])
        store, id = mlflow.MlflowClient(), run.info.run_id
        back = Path(mlflow.artifacts.download_artifacts(run_id=id, artifact_path="up"))
        return {
            "same": [(folder / one).read_bytes() == (back / one).read_bytes() for one in names],
            "top": [[one.path, one.is_dir] for one in store.list_artifacts(id)],
            "deep": [[one.path, one.file_size] for one in store.list_artifacts(id, "up/deep")],
            "file": len(store.list_artifacts(id, "up/a.bin")),
            "none": len(store.list_artifacts(id, "nowhere")),
            "text": mlflow.artifacts.load_text(f"runs:/{id}/notes/t.txt"),
            "dict": mlflow.artifacts.load_dict(f"runs:/{id}/d.json"),
            "table": table.x.tolist(),
            "frame": isinstance(table, pd.DataFrame),
        }

    found = client(act, experiment)
    assert found["same"] == [True] * 5
    names = ["a.bin", "d.json", "fig.png", "notes", "table.json", "up"]
    assert [name for name, _ in found["top"]] == names
    assert [name for name, folder in found["top"] if folder] == ["notes", "up"]
    assert found["deep"] == [
        ["up/deep/100%.txt", 1024],
        ["up/deep/b c.txt", 512],
        ["up/deep/er", None],
    ]
    assert (found["file"], found["none"]) == (0, 0)
    assert (found["text"], found["dict"]) == ("words", {"a": [1]})
    assert (found["table"], found["frame"]) == ([1, 2, 3], True)


def test_a_large_file_goes_through_in_constant_memory_and_is_kept_once(
    client: Client, server: Server, experiment: str, kept: Store, tmp_path: Path
) -> None:
    size = 400 * MB

    def act(mlflow: Any, experiment: str, path: str, size: int) -> Any:
        import hashlib
        import os
        from pathlib import Path

        with Path(path).open("wb") as file:
            file.writelines(os.urandom(1000) * 1000 for _ in range(size // 1_000_000))
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            mlflow.log_artifact(path)
            mlflow.log_artifact(path, "again")
        back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/large.bin")
        digests = []
        for one in (path, back):
            with Path(one).open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        Path(back).unlink()
        return [run.info.run_id, digests[0] == digests[1]]

    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    run, same = client(act, experiment, str(tmp_path / "large.bin"), size)
    grown = process.memory_info().rss - before
    assert same
    first, second = kept.runs.artifacts(run)
    assert first.digest == second.digest
    assert first.size == second.size == size
    assert grown < 64 * MB


def test_a_client_that_asks_for_parts_is_served(
    server: Server, experiment: str, kept: Store, tmp_path: Path
) -> None:
    def act(mlflow: Any, experiment: str, path: str) -> Any:
        import os
        from pathlib import Path

        content = os.urandom(23_000_000)
        Path(path).write_bytes(content)
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            mlflow.log_artifact(path, "in/parts")
        back = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/in/parts/big.bin")
        return [run.info.run_id, Path(back).read_bytes() == content]

    asked = {
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "5000000",
        "MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE": "5242880",
    }
    with client_of(server.url, tmp_path, **asked) as client:
        run, same = client(act, experiment, str(tmp_path / "big.bin"))
    assert same
    [artifact] = kept.runs.artifacts(run)
    assert (artifact.name, artifact.size) == ("in/parts/big.bin", 23_000_000)
    assert not list(Path(server.blobs).glob("uploads/part-*"))


def test_a_client_that_asks_for_presigned_downloads_goes_without(
    server: Server, experiment: str, tmp_path: Path
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            mlflow.log_text("words", "t.txt")
        return mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/t.txt")

    with client_of(server.url, tmp_path, MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD="true") as client:
        assert client(act, experiment) == "words"


def test_what_is_not_there_is_not_there(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            pass
        return mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/nowhere.txt")

    assert "Failed to download" in client.refused(act, experiment).message
