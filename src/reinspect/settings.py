"""What the environment may set, read at one edge."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _cache_home() -> Path:
    return Path.home() / ".cache" / "reinspect"


class Settings(BaseSettings):
    """Read from `REINSPECT_*` variables by commands, `studio`, `RunPlan.of` and `Inspector`.

    Everything below these takes arguments instead.
    """

    model_config = SettingsConfigDict(env_prefix="REINSPECT_", frozen=True, extra="ignore")

    cache_dir: Path = Field(default_factory=_cache_home, description="Where fits are kept.")
    weights_dir: Path = Field(
        default_factory=lambda known: known["cache_dir"] / "weights",
        description="Where weights of models lie; see `reinspect models`.",
    )
    recipe: Path | None = Field(default=None, description="Recipe that LangGraph's server opens.")
    api_key: str | None = Field(default=None, description="What opens `reinspect api`.", repr=False)
    opcua_user: str | None = Field(default=None, description="Who may read by OPC UA.")
    opcua_password: str | None = Field(default=None, description="Of that user.", repr=False)
    opcua_cert: Path | None = Field(default=None, description="Certificate to encrypt OPC UA by.")
    opcua_key: Path | None = Field(default=None, description="Its key.")
    opcua_trust: Path | None = Field(
        default=None, description="Folder of the clients' certificates; any client by default."
    )
    mqtt_user: str | None = Field(default=None, description="Who publishes to a broker.")
    mqtt_password: str | None = Field(default=None, description="Of that user.", repr=False)
    mqtt_ca: Path | None = Field(
        default=None, description="Certificates to trust a broker by; the system's by default."
    )
    mqtt_cert: Path | None = Field(default=None, description="Our certificate for the broker.")
    mqtt_key: Path | None = Field(default=None, description="Its key.")
