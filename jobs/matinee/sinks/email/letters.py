"""How a message reads as an e-mail, and how mail programs know that letters belong to one thread."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from urllib.parse import quote

from matinee.sinks.message import Message
from matinee.sinks.texts import body, heading

_LONGEST_SUBJECT = 150


def letter(message: Message, sender: str, recipients: tuple[str, ...], told: str | None) -> EmailMessage:
    """Return the letter of a message; the same message gives the same letter.

    Args:
        message: what is told.
        sender: an address.
        recipients: addresses.
        told: what `thread_of` returned for the incident's last letter.
    """
    root, _, subject = (told or "").partition(" ")
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"] = sender, ", ".join(recipients)
    # Mail programs also compare subjects: a thread keeps the subject of its first letter.
    mail["Subject"] = f"Re: {subject}" if subject else heading(message, _LONGEST_SUBJECT)
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{quote(message.key, safe='-_')}@{sender.rpartition('@')[2]}>"
    if root:
        mail["In-Reply-To"] = mail["References"] = root
    mail["Auto-Submitted"] = "auto-generated"  # No out-of-office answer to this letter.
    mail.set_content(body(message))
    return mail


def thread_of(mail: EmailMessage, told: str | None) -> str:
    """Return the id and the subject of a thread's first letter."""
    return told or f"{mail['Message-ID']} {mail['Subject']}"
