"""What a registered version says of itself, and where its verdicts lead."""

from __future__ import annotations

from tests.loop.worlds import World


def test_list_among_params(world: World) -> None:
    """A parameter that is a list is kept as its JSON, in the run and in the version alike."""
    world.edit("params={", 'params={"layers": [64, 32], ')
    world.edit("**params", '**{k: v for k, v in params.items() if k != "layers"}')
    line = world.lap()
    with world.workshop() as opened:
        version = opened.store.models.get(line.version or "")
        logged = opened.store.runs.params([line.run or ""])[line.run or ""]
    assert {one.name: one.value for one in version.lineage.params}["layers"] == "[64,32]"
    assert sorted(version.lineage.params, key=lambda one: one.name) == list(logged)


def test_no_gate(world: World) -> None:
    """A version that no gate judged is registered, and waits for nobody."""
    page = (world.root / "page.py").read_text()
    start = page.index("gates=[")
    world.edit(page[start : page.index("]", start)], "gates=[")
    line = world.lap()
    assert (line.state, line.error) == ("refused", "")
    assert "no gate" in line.decision
    with world.workshop() as opened:
        (version,) = opened.store.models.list()
        assert (version.stage, version.marks) == ("none", ("withdrawn",))
