"""Which images the demo runs: the official ones where a registry answers, else those of the test bed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
REGISTRY_PATIENCE = 15
OFFICIAL_MODEL = "gemma3:270m"
BED = {
    "ollama_image": "selfhosted-llm-bed/ollama",
    "ollama_version": "0.9.3",
    "open_webui_image": "selfhosted-llm-bed/open-webui",
    "open_webui_version": "0.12.4",
}


class ImagesError(Exception):
    """One sentence for the person."""


def official() -> dict[str, str]:
    """The roles' own defaults, so that the demo runs what an inventory would."""
    chosen: dict[str, str] = {}
    for role in ("ollama", "open_webui"):
        file = ROOT / "roles" / role / "defaults" / "main.yml"
        defaults: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
        chosen |= {key: str(defaults[key]) for key in (f"{role}_image", f"{role}_version")}
    return chosen


def references(images: dict[str, str]) -> list[str]:
    return [f"{images[f'{role}_image']}:{images[f'{role}_version']}" for role in ("ollama", "open_webui")]


def local(name: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0


def _manifest(name: str) -> subprocess.Popen[str]:
    command = ["docker", "manifest", "inspect", name]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def refusal(images: dict[str, str]) -> str:
    """Why the registries do not give these images; empty when they do."""
    # Both are asked at once, so that a registry that says nothing is waited for only once.
    asked = {name: _manifest(name) for name in references(images) if not local(name)}
    words = ""
    for name, process in asked.items():
        try:
            _, error = process.communicate(timeout=REGISTRY_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            error = f"no answer within {REGISTRY_PATIENCE} s"
        if process.returncode != 0 and not words:
            lines = error.strip().splitlines() or ["no reason given"]
            words = f"{name}: {lines[-1]}"
    return words


def identity(name: str) -> str:
    """The id of an image on this machine; empty where it is not there."""
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def pull(images: dict[str, str]) -> None:
    """Pulled by the command line, because that shows its progress; the roles find them then."""
    for name in references(images):
        if not local(name) and subprocess.run(["docker", "pull", name], check=False).returncode != 0:
            raise ImagesError(f"{name} could not be pulled; run `make demo` again, or with DEMO_IMAGES=bed.")


def _install_debootstrap() -> None:
    """What the bed needs from the distribution and a bare machine lacks."""
    lacking = [] if shutil.which("debootstrap", path="/usr/sbin:/usr/bin:/sbin:/bin") else ["debootstrap"]
    # Without Debian's keys debootstrap believes anything; Ubuntu does not have them by itself.
    lacking += [] if KEYS.exists() else ["debian-archive-keyring"]
    if lacking and subprocess.run(["tests/apt", *lacking], cwd=ROOT, check=False).returncode != 0:
        raise ImagesError("The test bed's tools could not be installed; the words above say why.")


def _bed() -> Any:
    sys.path.insert(0, str(ROOT / "tests" / "bed"))
    import testbed.images

    return testbed.images


def of_bed() -> list[str]:
    """The images that a build may leave on this machine."""
    bed = _bed()
    return [*references(BED), bed.ALL["models"].tag, bed.BASE.tag]


def build() -> None:
    bed = _bed()
    if not all(bed.ALL[name].ready() for name in ("ollama", "open-webui")):
        _install_debootstrap()
    if subprocess.run(["tests/bed/bed", "images", "ollama", "open-webui"], cwd=ROOT, check=False).returncode != 0:
        raise ImagesError("The test bed's images could not be built; the words above say why.")


def bed_model() -> tuple[str, str]:
    """Return the name and the file of the test bed's real model, which answers in words; it is made when missing."""
    sys.path.insert(0, str(ROOT / "tests" / "bed"))
    from testbed import real
    from testbed.engine import BedError

    try:
        return real.CHAT, str(real.ensure(ROOT / ".cache" / "bed")[real.CHAT])
    except BedError as error:
        raise ImagesError(f"The test bed's model could not be made: {error}") from error
