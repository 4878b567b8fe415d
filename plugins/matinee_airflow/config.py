"""Settings that only the Airflow side needs, read from `MATINEE_*` beside those of `matinee.settings`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from matinee.settings import CHECKOUT, EnvironmentSettings, Settings


class EmrSettings(EnvironmentSettings):
    """The application of EMR Serverless."""

    model_config = SettingsConfigDict(env_prefix="MATINEE_EMR_")

    application_id: str = ""
    execution_role: str = Field("", description="ARN of the role that the job runs as")
    submit_parameters: str = Field("", description="sparkSubmitParameters: sizes, archives, jars")


class AirflowSettings(EnvironmentSettings):
    """Where tasks find files and clusters; the values of a mode matter in that mode only."""

    landing_dir: str | None = Field(
        None, min_length=1, description="folder or URI where producers put files; default <home>/landing"
    )
    jobs_uri: str = Field(str(CHECKOUT / "jobs"), description="folder of the entry points for spark-submit and EMR")
    py_files: str | None = Field(None, description="the wheel, renamed to .zip")
    submit_conn_id: str = Field("spark_default", description="Airflow connection of spark-submit")
    emr: EmrSettings = Field(default_factory=EmrSettings)

    def landing(self, settings: Settings) -> str:
        """Return the landing directory: an absolute path, or a URI."""
        folder = self.landing_dir or str(settings.home / "landing")
        return (folder if "://" in folder else str(Path(folder).absolute())).rstrip("/")
