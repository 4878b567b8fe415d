"""Letters reach a mail server that asks for TLS and a login, as one thread for each incident."""

import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from tests.support.certificates import Certificate
from tests.support.mail import LOGIN, PASSWORD, MailServer, mail_server
from tests.support.messages import OPENED, connection, later

from matinee.errors import SettingsError
from matinee.sinks.email.channel import Email, open_email
from matinee.sinks.errors import ChannelRefusedError, ChannelUnavailableError
from matinee.sinks.message import Event

EXTRA = {"from_email": "matinee@example.com", "to": "ops@example.com, on-call@example.com"}


@pytest.fixture
def server(own_certificate: Certificate) -> Iterator[MailServer]:
    with mail_server(own_certificate) as ours:
        yield ours


def channel(port: int, certificate: Certificate | None, **fields: str) -> Email:
    trusted = {"ca_file": str(certificate.file)} if certificate else {}
    given = {"login": LOGIN, "password": PASSWORD} | fields
    return open_email(connection(conn_type="smtp", host="127.0.0.1", port=port, extra=EXTRA | trusted, **given))


def test_a_letter_tells_all_recipients_what_to_do(server: MailServer, own_certificate: Certificate) -> None:
    channel(server.port, own_certificate).send(OPENED, None)
    (mail,) = server.letters
    assert server.recipients == [["ops@example.com", "on-call@example.com"]]
    assert (mail["From"], mail["To"]) == (EXTRA["from_email"], EXTRA["to"])
    assert mail["Subject"] == "[page] core.plays is late"
    assert mail["Date"] == "Mon, 02 Mar 2026 03:00:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    text = mail.get_content()
    assert "Next: Ask the producer" in text
    assert "landing/plays: 0 files" in text


def test_the_letters_of_an_incident_are_one_thread(server: MailServer, own_certificate: Certificate) -> None:
    ours = channel(server.port, own_certificate)
    told = ours.send(OPENED, None)
    assert ours.send(later(Event.CHANGED, 2, title="core.plays and more are late"), told) == told
    ours.send(later(Event.RESOLVED, 3), told)
    first, *others = server.letters
    assert [mail["Message-ID"] for mail in server.letters] == [f"<inc-7-{n}@example.com>" for n in (1, 2, 3)]
    assert {mail["References"] for mail in others} == {first["Message-ID"]}
    assert {mail["In-Reply-To"] for mail in others} == {first["Message-ID"]}
    assert {mail["Subject"] for mail in others} == {f"Re: {first['Subject']}"}


def test_a_letter_whose_answer_is_lost_keeps_its_id(server: MailServer, own_certificate: Certificate) -> None:
    ours = channel(server.port, own_certificate)
    server.is_answer_lost = True
    with pytest.raises(ChannelUnavailableError, match=r"127\.0\.0\.1 does not answer"):
        ours.send(OPENED, None)
    ours.send(OPENED, None)
    first, second = server.letters
    assert first.as_bytes() == second.as_bytes()


def test_headers_hold_one_line_each(server: MailServer, own_certificate: Certificate) -> None:
    odd = replace(OPENED, title="late\r\nBcc: all@example.com ü", incident_id="a b@c\n")
    channel(server.port, own_certificate).send(odd, None)
    (mail,) = server.letters
    assert mail["Subject"] == "[page] late Bcc: all@example.com ü"
    assert (mail["Bcc"], mail["Message-ID"]) == (None, "<a%20b%40c%0A-1@example.com>")


def test_a_wrong_password_is_refused(server: MailServer, own_certificate: Certificate) -> None:
    ours = channel(server.port, own_certificate, password="wr0ng")
    with pytest.raises(ChannelRefusedError, match="refuses the letter: 535") as raised:
        ours.send(OPENED, None)
    assert raised.value.next_step.startswith("Check user, password")
    assert "wr0ng" not in f"{raised.value}{raised.value.facts}{ours!r}"


def test_a_certificate_is_verified(server: MailServer) -> None:
    with pytest.raises(ChannelRefusedError, match=r"certificate of 127\.0\.0\.1 is not trusted: self-signed"):
        channel(server.port, None).send(OPENED, None)
    assert server.letters == []


@pytest.mark.parametrize(
    ("answers", "error", "what"),
    [
        ({"DATA": "451 Greylisted"}, ChannelUnavailableError, "refuses the letter for now: 451"),
        ({"DATA": "554 Looks like spam"}, ChannelRefusedError, "refuses the letter: 554"),
        (dict.fromkeys(("ops@example.com", "on-call@example.com"), "450 Later"), ChannelUnavailableError, "now: 450"),
        (dict.fromkeys(("ops@example.com", "on-call@example.com"), "550 Who"), ChannelRefusedError, "recipients: 550"),
    ],
)
def test_a_server_says_later_or_no(
    server: MailServer, own_certificate: Certificate, answers: dict[str, str], error: type[Exception], what: str
) -> None:
    server.answers |= answers
    with pytest.raises(error, match=what):
        channel(server.port, own_certificate).send(OPENED, None)
    assert server.letters == []


def test_a_recipient_that_is_refused_alone_is_logged(
    server: MailServer, own_certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["ops@example.com"] = "550 Unknown"
    with caplog.at_level(logging.WARNING):
        channel(server.port, own_certificate).send(OPENED, None)
    assert server.recipients == [["on-call@example.com"]]
    assert "refuses the recipients ops@example.com" in caplog.text


def test_a_server_without_starttls_gets_no_letter(own_certificate: Certificate) -> None:
    with mail_server(None) as server:
        with pytest.raises(ChannelRefusedError, match="lacks what is needed: STARTTLS"):
            channel(server.port, own_certificate).send(OPENED, None)
        assert server.letters == []


def test_a_relay_on_this_machine_may_do_without_tls() -> None:
    extra = EXTRA | {"disable_tls": True}
    with mail_server(None) as server:
        ours = open_email(connection(conn_type="smtp", host="127.0.0.1", port=server.port, extra=extra))
        ours.send(OPENED, None)
        assert len(server.letters) == 1


def test_tls_may_start_with_the_connection(own_certificate: Certificate) -> None:
    with mail_server(own_certificate, is_tls_from_the_start=True) as server:
        ours = channel(server.port, own_certificate, login="", password="")
        replace(ours, tls_port=server.port).send(OPENED, None)
        assert len(server.letters) == 1


def test_a_server_in_silence_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = channel(listening.getsockname()[1], None)
        with pytest.raises(ChannelUnavailableError, match="does not answer"):
            replace(ours, timeout_s=0.05).send(OPENED, None)
    with pytest.raises(ChannelUnavailableError, match="does not answer"):
        channel(1, None).send(OPENED, None)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"conn_type": "http"}, "has the type 'http'"),
        ({"host": ""}, "has no host"),
        ({"login": "me"}, "has a user or a password without the other"),
        ({"extra": {"to": "a@x.com"}}, "has no 'from_email' in its extra"),
        ({"extra": {"from_email": "a@x.com"}}, "has no 'to' in its extra"),
        ({"extra": EXTRA | {"to": "a@x.com, nobody"}}, "has a 'to' in its extra that is no e-mail address"),
        ({"extra": EXTRA | {"to": []}}, "has a 'to' in its extra that is no e-mail address"),
        ({"extra": EXTRA | {"from_email": "a@x.com,b@x.com"}}, "has several addresses as from_email"),
        ({"extra": EXTRA | {"disable_tls": "true"}}, "switches TLS off"),
        ({"host": "localhost", "login": "a", "password": "b", "extra": EXTRA | {"disable_tls": True}}, "TLS off"),
    ],
)
def test_a_wrong_connection_is_told(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        open_email(connection(**{"conn_type": "smtp", "host": "mail.example.com", "extra": EXTRA} | fields))
