"""The images: each is a directory under images/ with install.sh (network) and Dockerfile (none).

install.sh runs in a container of the base image that can reach the package registries the way this
machine does; the Dockerfile adds what needs no network. An image is labelled with the hash of all
that it is made from, and built only when that hash is not there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from . import machine
from .engine import CACHE, HERE, IMAGES, INPUTS_LABEL, BedError, docker, exists, lock, need, say

PREFIX = "selfhosted-llm-bed"
# The releases of Open WebUI that the collection supports, newest first.
WEBUI_VERSIONS = ("0.12.4", "0.10.2", "0.8.12", "0.6.43")


@dataclass(frozen=True)
class Image:
    name: str
    version: str
    # True: only /out of the build container goes on top of the base; False: all that it changed
    extract: bool = False

    @property
    def tag(self) -> str:
        return f"{PREFIX}/{self.name}:{self.version}"

    @property
    def source(self) -> Path:
        return IMAGES / self.name

    @property
    def own(self) -> bool:
        """Whether it is built here."""
        return True

    def inputs(self) -> str:
        """A hash of everything the image is made from."""
        summed = hashlib.sha256(f"{self.tag} {self.extract}".encode())
        if self.name != "base":
            summed.update(BASE.inputs().encode())
        for path in sorted(self.source.rglob("*")):
            if path.is_file():
                summed.update(path.relative_to(self.source).as_posix().encode() + b"\0" + path.read_bytes())
        return summed.hexdigest()[:16]

    def ready(self) -> bool:
        return self.same_as(docker("image", "inspect", "--format", self.known_by, self.tag, check=False))

    @property
    def known_by(self) -> str:
        """How an engine tells, as a template of `docker image inspect`, which of this name it has."""
        return f'{{{{index .Config.Labels "{INPUTS_LABEL}"}}}}'

    def same_as(self, found: str) -> bool:
        """Whether what an engine told is this image."""
        return found == self.inputs()

    @property
    def repository(self) -> str:
        return self.tag.rpartition(":")[0]


@dataclass(frozen=True)
class Given(Image):
    """An image that somebody else built, by its reference; a registry gives it where it is not there."""

    reference: str = ""

    @property
    def tag(self) -> str:
        return self.reference

    @property
    def own(self) -> bool:
        return False

    @property
    def known_by(self) -> str:
        return "{{.Id}}"

    def inputs(self) -> str:
        return docker("image", "inspect", "--format", self.known_by, self.tag, check=False)

    def same_as(self, found: str) -> bool:
        return bool(found) and found == self.inputs()


def official_ollama() -> str:
    """The image that the role takes by default."""
    said = (HERE.parent.parent / "roles" / "ollama" / "defaults" / "main.yml").read_text(encoding="utf-8")
    image, version = (re.search(rf'^ollama_{key}: "?([^"\s]+)', said, re.MULTILINE) for key in ("image", "version"))
    if not image or not version:
        raise BedError("roles/ollama/defaults/main.yml does not set ollama_image and ollama_version.")
    return f"{image.group(1)}:{version.group(1)}"


def _ollama() -> Image:
    """The bed's own build, unless BED_OLLAMA_IMAGE names another: NAME:TAG, or "official" for the role's default."""
    said = os.environ.get("BED_OLLAMA_IMAGE", "")
    reference = official_ollama() if said == "official" else said
    if not reference:
        return Image("ollama", "0.9.3", extract=True)
    return Given("ollama", reference.rpartition(":")[2], reference=reference)


BASE = Image("base", machine.SUITE)
ALL = {
    image.name: image
    for image in (
        BASE,
        _ollama(),
        Image("open-webui", os.environ.get("BED_WEBUI_VERSION", WEBUI_VERSIONS[0])),
        Image("host", machine.SUITE),
        Image("registry", "2.8.2"),
        # What packages carry of real models; their files are all that is in it.
        Image("models", "1", extract=True),
    )
}


def ensure(names: list[str]) -> None:
    """Builds what is missing of the named images, in the order given."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        raise BedError(f"no image is called {', '.join(unknown)}; there are {', '.join(ALL)}.")
    if not re.fullmatch(r"\d+(\.\d+)+", ALL["open-webui"].version):
        raise BedError(
            f"BED_WEBUI_VERSION must be a release like {WEBUI_VERSIONS[-1]}, not {ALL['open-webui'].version!r}."
        )
    ollama = ALL["ollama"]
    if not ollama.own and not re.fullmatch(r"[a-z0-9][\w./:-]*:\d+\.\d+[\w.-]*", ollama.tag):
        raise BedError(
            f"BED_OLLAMA_IMAGE must be NAME:VERSION, such as {official_ollama()}, or official, not {ollama.tag!r}."
        )
    for name in names:
        image = ALL[name]
        if image.ready():
            continue
        with lock(f"image-{name}"):
            # another process may have built it while this one waited
            if not image.ready():
                _build(image) if image.own else _pull(image)


def fetch(image: Given) -> None:
    """Pull a given image, unless it is there."""
    if not image.ready():
        _pull(image)


def _pull(image: Image) -> None:
    say(f"image {image.name}: pulling {image.tag}")
    try:
        docker("pull", "--quiet", image.tag)
    except BedError as error:
        words = str(error).splitlines()[-1]
        raise BedError(
            f"The image {image.tag} is not on this machine and no registry gives it ({words}); "
            "load it with `docker load`, or unset BED_OLLAMA_IMAGE to use the bed's own build."
        ) from error


def _build(image: Image) -> None:
    if image is not BASE:
        ensure(["base"])
    began = time.monotonic()
    say(f"image {image.name}: building {image.tag}")
    outdated = docker("image", "inspect", "--format", "{{.Id}}", image.tag, check=False)
    CACHE.mkdir(parents=True, exist_ok=True)
    log = CACHE / f"build-{image.name}.log"
    with tempfile.TemporaryDirectory(prefix="selfhosted-llm-bed-") as scratch:
        if image is BASE:
            _debootstrap(image, Path(scratch), log)
        else:
            _assemble(image, Path(scratch), log)
    if outdated:
        # refused, rightly, while a container still runs it
        docker("image", "rm", outdated, check=False)
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image.tag)) / 1e6
    say(f"image {image.name}: ready in {time.monotonic() - began:.0f} s, {size:.0f} MB")


def _debootstrap(image: Image, scratch: Path, log: Path) -> None:
    need("debootstrap", "debootstrap")
    if os.geteuid() != 0:
        raise BedError("debootstrap needs root: run `bed images base` as root once.")
    mirror = next(one.uri for one in machine.debian_sources() if one.suite == machine.SUITE)
    environment = os.environ | {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
    labels = [
        f"--change=LABEL {INPUTS_LABEL}={image.inputs()}",
        "--change=ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        '--change=CMD ["/bin/bash"]',
    ]
    with log.open("w", encoding="utf-8") as out:
        made = subprocess.Popen(
            [str(image.source / "debootstrap.sh"), mirror, machine.SUITE, str(scratch / "root")],
            stdout=subprocess.PIPE,
            stderr=out,
            env=environment,
        )
        taken = subprocess.run(
            ["docker", "import", *labels, "-", image.tag], check=False, stdin=made.stdout, stdout=out, stderr=out
        )
        if made.wait() or taken.returncode:
            docker("image", "rm", image.tag, check=False)
            raise BedError(f"debootstrap from {mirror} failed; see {log}.")


@contextmanager
def _build_container(image: Image, scratch: Path) -> Iterator[tuple[str, list[str]]]:
    """A container that idles; install.sh is run by exec so that no variable of it stays in the image."""
    settings = scratch / "settings"
    settings.mkdir()
    reach = machine.reach(settings)
    name = f"{PREFIX}-build-{image.name}-{os.getpid()}"
    mounts = [f"--volume={one}" for one in [*reach.mounts, f"{image.source}:{machine.INSIDE}/src:ro"]]
    # no label: the image would inherit it, and with it every container that anybody runs
    docker("run", "--detach", "--name", name, "--tmpfs", "/run:exec", *mounts, BASE.tag, "/bin/sleep", "infinity")
    try:
        environment = {**reach.environment, "IMAGE_VERSION": image.version}
        yield name, [f"--env={key}={value}" for key, value in environment.items()]
    finally:
        docker("rm", "--force", "--volumes", name, check=False)


def _assemble(image: Image, scratch: Path, log: Path) -> None:
    context = scratch / "context"
    shutil.copytree(image.source, context)
    base = BASE.tag
    with _build_container(image, scratch) as (container, environment):
        with log.open("w", encoding="utf-8") as out:
            done = subprocess.run(
                ["docker", "exec", *environment, container, "/bin/bash", f"{machine.INSIDE}/src/install.sh"],
                check=False,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
            raise BedError(f"install.sh of image {image.name} failed; see {log}:\n{tail}")
        if image.extract:
            docker("cp", f"{container}:/out", str(context / "out"))
        else:
            say(f"image {image.name}: installed, committing")
            base = f"{PREFIX}/stage:{image.name}"
            docker("stop", "--time", "1", container)
            docker("commit", container, base)
    docker(
        "build",
        "--build-arg",
        f"BASE={base}",
        "--label",
        f"{INPUTS_LABEL}={image.inputs()}",
        "--label",
        f"org.selfhosted.llm.image={image.name}",
        "--tag",
        image.tag,
        str(context),
    )
    if not image.extract:
        # only the name goes: its layers are those of the image
        docker("image", "rm", "--no-prune", base)


def report() -> list[str]:
    lines = []
    for image in ALL.values():
        if image.ready():
            size = int(docker("image", "inspect", "--format", "{{.Size}}", image.tag)) / 1e6
            lines.append(f"{image.tag:45} {size:7.0f} MB")
        else:
            lines.append(f"{image.tag:45} {'outdated' if exists('image', image.tag) else 'not built'}")
    return lines
