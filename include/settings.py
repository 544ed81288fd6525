"""Every setting of the product: one line and one reason each.

A value comes from the environment (``DEVMLOPS_`` + the name in capitals) or from its default, which is
right for one machine. Airflow tasks overlay what their Airflow connections say
(`operators.connections`); jobs and servers get the result through :meth:`Settings.environment`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[1]

Zone = Literal["dev", "ops"]


class DataEndpoint(BaseModel):
    """Address and credential of one zone's lakeFS (or embedded data) server."""

    model_config = ConfigDict(frozen=True)

    url: str
    access_key: str
    secret_key: SecretStr


class Settings(BaseSettings):
    """Typed settings of the whole product, read once a process.

    Raises:
        pydantic.ValidationError: a variable has a value of the wrong type; the message names it.
    """

    model_config = SettingsConfigDict(env_prefix="DEVMLOPS_", frozen=True, extra="ignore")

    # Places
    home: Path = Field(ROOT / ".devmlops", description="Everything written on one machine lies under it.")
    projects_dir: Path = Field(ROOT / "include" / "projects", description="Where project.yaml files are found.")
    dags_dir: Path = Field(ROOT / "dags", description="Where the local platform's Airflow finds DAG files.")

    # Data: one server and one credential a zone, so that dev can never read ops
    data_dev_url: str = Field("http://127.0.0.1:8100", description="lakeFS API of the dev zone.")
    data_dev_access_key: str = Field("", description="Access key of the dev zone.")
    data_dev_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the dev zone.")
    data_ops_url: str = Field("http://127.0.0.1:8100", description="lakeFS API of the ops zone.")
    data_ops_access_key: str = Field("", description="Access key of the ops zone; empty where only dev is allowed.")
    data_ops_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the ops zone.")
    data_storage_namespace: str = Field(
        "local://", description="Prefix of a new repository's storage; s3://bucket/ in production."
    )
    masking_salt: SecretStr = Field(
        SecretStr(""), description="Key of the hashes in masked samples; only the task that masks needs it, and it must stay."
    )
    source_url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL of the caller's (SW1.0) database.")

    # Engines
    mlflow_url: str = Field("http://127.0.0.1:5000", description="MLflow tracking and registry server.")
    triton_grpc_url: str = Field("127.0.0.1:8001", description="Triton gRPC address, host:port.")
    triton_http_url: str = Field("127.0.0.1:8000", description="Triton HTTP address, host:port.")
    triton_metrics_url: str = Field("http://127.0.0.1:8002/metrics", description="Triton metrics page.")
    model_repository: Path = Field(ROOT / ".devmlops" / "triton" / "models", description="Triton's model repository folder.")
    serving_python: Path = Field(
        ROOT / ".devmlops" / "triton" / "env" / "bin" / "python", description="Python that models run in; checks try code there."
    )
    inference_url: str = Field("http://127.0.0.1:8090", description="Base address of the inference AP.")
    inference_admin_token: SecretStr = Field(SecretStr(""), description="Bearer token of the AP's own control routes.")
    ledger_url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL of the ledger; empty is SQLite under home.")
    airflow_url: str = Field("http://127.0.0.1:8080", description="Airflow's api-server, as people and callers reach it.")
    webhook_token: SecretStr = Field(SecretStr(""), description="Bearer token that an alert webhook must carry.")
    slack_token: SecretStr = Field(SecretStr(""), description="Slack bot token; empty sends nothing to Slack.")
    slack_channel: str = Field("#ml-alerts", description="Slack channel of alerts.")
    slack_url: str = Field("https://slack.com/api/", description="Slack's API; another one for GovSlack or a relay.")
    labelling_url: str = Field("http://127.0.0.1:8085", description="Label Studio, where people label.")
    labelling_token: SecretStr = Field(SecretStr(""), description="API token of Label Studio; empty where none is used.")
    label_files: Path = Field(ROOT / ".devmlops" / "labels", description="Folder that files with labels are read from.")

    ca_bundle: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = Field(
        None, description="File of the certificate authorities that servers are trusted by; empty takes the system's."
    )

    ray_url: str = Field("http://127.0.0.1:8265", description="Job server (dashboard) of the Ray cluster that jobs run on.")
    ray_token: SecretStr = Field(SecretStr(""), description="Token of that cluster; empty where it asks for none.")
    ray_storage: str = Field("", description="Folder that all nodes of that cluster share; empty suffices for one node.")

    # Behaviour
    job_environment: str = Field("", description="Set for a job: name of the environment that it runs in.")
    job_runtime: str = Field("", description="Set for a job: where it runs, such as docker or ray.")
    job_cpus: float = Field(0, description="Set for a job: processors that its environment gives; 0 says nothing.")
    job_gpus: Annotated[float | None, BeforeValidator(lambda value: None if value == "" else value)] = Field(
        None, description="Set for a job: GPUs that its environment gives; empty takes what the machine has."
    )
    job_image: str = Field("", description="Set for a job in a container: the image of its environment.")
    job_code: str = Field(
        "", description="Set for a job in a container or on ops data: digest of the project's code, which it must run."
    )
    actor: str = Field("", description="On whose behalf this process works; tasks set it for their jobs, audit entries name it.")
    prediction_log: Path = Field(ROOT / ".devmlops" / "inference" / "log", description="Folder of the prediction log.")
    prediction_log_fsync: bool = Field(
        True, description="Flush to disk before answering; off survives a killed AP but not a power cut."
    )
    prediction_log_segment_bytes: int = Field(64 * 2**20, ge=1, description="Size at which the log goes on in a new file.")
    triton_timeout_s: float = Field(5.0, description="How long the AP waits for the model server before it answers 504.")
    route_refresh_s: float = Field(0.5, description="How often an AP looks for a switched route by itself.")
    max_request_rows: int = Field(256, description="Rows of one realtime request; more belongs in batch inference.")
    max_requests_in_flight: int = Field(512, ge=1, description="Realtime requests that one AP works on at a time; 503 above it.")
    max_request_bytes: int = Field(8 * 2**20, description="Size of one realtime request body.")

    def data(self, zone: Zone) -> DataEndpoint:
        """Return the data endpoint of ``zone``.

        Raises:
            ValueError: this process holds no credential for that zone.
        """
        key = getattr(self, f"data_{zone}_access_key")
        if not key:
            raise ValueError(
                f"no credential for the {zone} data zone: set DEVMLOPS_DATA_{zone.upper()}_ACCESS_KEY and _SECRET_KEY"
            )
        return DataEndpoint(
            url=getattr(self, f"data_{zone}_url"), access_key=key, secret_key=getattr(self, f"data_{zone}_secret_key")
        )

    def for_zone(self, zone: Zone) -> Settings:
        """Return these settings with the data credential of ``zone`` alone, and without the masking salt.

        What works in dev gets nothing that opens ops. The ops credential reads dev data by itself; where dev has a
        server of its own, which does not know that credential, ops keeps the one it was given for dev.
        """
        if zone == "ops" and self.data_dev_url != self.data_ops_url:
            return self.model_copy(update={"masking_salt": SecretStr("")})
        other = "ops" if zone == "dev" else "dev"
        secrets = {f"data_{other}_access_key": "", f"data_{other}_secret_key": SecretStr(""), "masking_salt": SecretStr("")}
        return self.model_copy(update=secrets)

    def ledger(self) -> str:
        """Return the ledger's SQLAlchemy URL, the SQLite file under ``home`` where none is set."""
        return self.ledger_url.get_secret_value() or f"sqlite:///{self.home / 'ledger' / 'ledger.db'}"

    def environment(self) -> dict[str, str]:
        """Return the ``DEVMLOPS_*`` variables that make another process see these same settings."""
        return {f"DEVMLOPS_{name.upper()}": _plain(getattr(self, name)) for name in type(self).model_fields}


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
