import pytest

from lapwise.server.access import hash_secret, is_secret, new_secret


def test_a_secret_has_256_bits_and_its_shape() -> None:
    made = {new_secret() for _ in range(1000)}
    assert len(made) == 1000
    assert all(one.startswith("lw_") and len(one) == 46 and is_secret(one) for one in made)


@pytest.mark.parametrize("text", ["", "lw_", "lw_" + "a" * 42, "LW_" + "a" * 43, "lw_" + "é" * 43])
def test_what_has_another_shape_is_no_secret(text: str) -> None:
    assert not is_secret(text)
    assert not is_secret("lw_" + "a" * 43 + "\n")


def test_the_hash_is_the_same_each_time_and_is_not_the_secret() -> None:
    secret = new_secret()
    assert hash_secret(secret) == hash_secret(secret)
    assert secret not in hash_secret(secret)
