import pytest

from features.credentials import without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at redis://shop:secret@cache:6379/0?a=b now", "at redis://cache:6379/0?a=b now"),
        ("rediss://:secret@cache", "rediss://cache"),
        ("'postgresql+psycopg://u:se/cr@et@db:5432/x'", "'postgresql+psycopg://db:5432/x'"),
        ("http://a:secret@one/x and http://b:secret@two/y", "http://one/x and http://two/y"),
        ("sqlite:////var/mlflow.db", "sqlite:////var/mlflow.db"),
        ("http://registry:5000/path", "http://registry:5000/path"),
        ("ask it@shop.example", "ask it@shop.example"),
    ],
)
def test_a_url_is_shown_without_user_and_password(text, shown):
    assert without_credentials(text) == shown
    assert "secret" not in without_credentials(text)
