"""Settings of alerts show no secret."""

from matinee.alerts.settings import AlertSettings


def test_the_address_of_the_ping_is_a_secret() -> None:
    settings = AlertSettings(alerts_ping="https://ping.example/s3cret")  # type: ignore[arg-type]
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump_json()}"
