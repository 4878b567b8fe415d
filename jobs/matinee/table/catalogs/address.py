"""The address of a catalog in PostgreSQL: it has a password, so a deployment may name the secret that holds it."""

from functools import cache

from matinee.errors import SettingsError
from matinee.foreign import translated
from matinee.settings import Settings

#: Error codes of AWS that another call does not cure.
_REFUSED = frozenset({"AccessDeniedException", "InvalidRequestException", "ResourceNotFoundException"})


def catalog_address(settings: Settings) -> str:
    """Return `postgresql://user:password@host:port/database`, from the settings or from the secret that they name.

    Raises:
        SettingsError: there is no such secret, or this process may not read the secret.
        CatalogRefusedError: Secrets Manager does not know this process, or cannot decrypt the secret.
        CatalogUnavailableError: Secrets Manager does not answer.
    """
    if settings.catalog_uri is not None:
        return settings.catalog_uri.get_secret_value()
    assert settings.catalog_secret is not None  # noqa: S101 - the settings' own validator has checked it
    return _secret(settings.catalog_secret, settings.aws_region)


def read_again() -> None:
    """Have the next call read the secret again: who is refused may have the password of before a rotation."""
    _secret.cache_clear()


@cache
def _secret(name: str, region: str) -> str:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        kind = SettingsError if code in _REFUSED else type(translated(error))
        raise kind(
            f"The secret {name} cannot be read in {region}: {code}.",
            next_step="Check MATINEE_CATALOG_SECRET, MATINEE_AWS_REGION and the role's secretsmanager:GetSecretValue.",
            facts={"secret": name, "region": region},
        ) from error
    return str(answer["SecretString"])
