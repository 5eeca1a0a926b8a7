from serve_app.jobs.secrets import webhook_secret


def test_each_account_has_a_secret_of_its_own_that_stays() -> None:
    assert webhook_secret(b"key", "a") == webhook_secret(b"key", "a")
    assert len({webhook_secret(b"key", "a"), webhook_secret(b"key", "b"), webhook_secret(b"other", "a")}) == 3
    assert webhook_secret(b"key", "a").startswith("whsec_")
