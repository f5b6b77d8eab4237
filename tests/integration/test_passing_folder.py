"""A data folder that is gone at the end."""

from __future__ import annotations

from embedded import hold, passing_folder


def test_what_its_servers_wrote_lies_in_it_and_goes_with_it() -> None:
    with passing_folder("roomlog-passing-") as folder:
        with hold(folder, redis=False):
            assert (folder / "postgres").resolve().is_relative_to(folder.resolve())
        kept = folder
    assert not kept.exists()
