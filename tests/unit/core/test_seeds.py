"""Seeds: fixed for ever, and independent of one another."""

from fathom.core.seeds import derive_seed, stream


def test_seeds_are_what_they_were_when_runs_were_recorded() -> None:
    assert derive_seed(0) == 3456079177858693020
    assert derive_seed(7, "eval", "q1", 0) == 1979144527305747962


def test_parts_get_seeds_of_their_own() -> None:
    seeds = [derive_seed(seed, part, n) for seed in range(5) for part in ("a", "b") for n in range(50)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_streams_repeat_and_do_not_disturb_each_other() -> None:
    one, other = stream(1, "a"), stream(1, "b")
    drawn = [one.random() for _ in range(3)]
    other.random()
    assert drawn == [
        number for again in [stream(1, "a")] for number in (again.random(), again.random(), again.random())
    ]
