"""Real PKCS #11 tokens for tests: SoftHSM, and a TPM 2.0 (swtpm) behind its resource manager on a private D-Bus.

A PKCS #11 library is loaded once in a process and reads its settings from the environment then, so there is one token
of each kind in a test process; tests keep apart by naming their keys.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.brokers import PATIENCE_S, wait_for
from tests.support.programs import FindProgram

LABEL = "vernix"
_PIN = "654321"
_SO_PIN = "12345678"
_ANSWER_S = 1.0
_names = itertools.count(1)


@dataclass(slots=True)
class Token:
    """A token that is ready, and the file with its PIN."""

    module: Path
    pin_file: Path
    kind: str
    broker: subprocess.Popen[bytes] | None = None
    start_broker: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def uri(self, name: str | None = None, *, pin_file: Path | None = None) -> str:
        """Of a key named ``name``; without it, of a key that nobody has made yet."""
        name = name or f"key-{next(_names)}"
        return (
            f"pkcs11:token={LABEL};object={name}?module-path={self.module}&pin-source=file:{pin_file or self.pin_file}"
        )

    def run(self, *command: str) -> None:
        """Run one of the token's own tools."""
        _run(command, self.environment)

    def stop(self) -> None:
        """TPM: stop the resource manager, as if the TPM were gone."""
        assert self.broker is not None
        _end(self.broker)

    def start(self) -> None:
        """TPM: start the resource manager and wait until the TPM answers through it."""
        self.broker = _start(self.start_broker, self.environment)
        asks = ["tpm2_getcap", "properties-fixed"]
        wait_for(lambda: _succeeds(asks, self.environment), "the TPM's resource manager")


def _run(command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, (command[0], done.stderr.decode(errors="replace"))


def _succeeds(command: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Asked while the resource manager starts, a tool may wait for an answer for ever; then it is asked again."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_ANSWER_S, check=False)
        return done.returncode == 0
    return False


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, env=environment, stdin=silent, stdout=silent, stderr=silent)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _library(*patterns: str) -> Path:
    found = [path for pattern in patterns for path in sorted(Path("/usr/lib").glob(pattern))]
    assert found, f"the program is there, its library is not: {patterns}"
    return found[0]


def _pin_file(folder: Path) -> Path:
    path = folder / "pin"
    path.touch(mode=0o600)
    path.write_text(_PIN + "\n", "ascii")
    return path


@contextlib.contextmanager
def soft_hsm(program: FindProgram, folder: Path) -> Iterator[Token]:
    """SoftHSM with one token."""
    util = program("softhsm2-util")
    (folder / "tokens").mkdir()
    settings = folder / "softhsm2.conf"
    settings.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
    environment = os.environ | {"SOFTHSM2_CONF": str(settings)}
    _run([util, "--init-token", "--free", "--label", LABEL, "--so-pin", _SO_PIN, "--pin", _PIN], environment)
    module = _library("softhsm/libsofthsm2.so", "*/softhsm/libsofthsm2.so")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(settings))
        try:
            yield Token(module, _pin_file(folder), "softhsm", environment=environment)
        finally:
            _forget(module)


def _forget(module: Path) -> None:
    # Not unloaded: threads of the TPM's D-Bus library would go on in code that is gone.
    if library := sys.modules.get("pkcs11"):  # if any test has come as far as using it
        library.lib(str(module)).finalize()


_BUS = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


@contextlib.contextmanager
def soft_tpm(program: FindProgram) -> Iterator[Token]:
    """swtpm <- tpm2-abrmd <- tpm2-pkcs11, with one token. In a short path: a socket's name has 107 bytes at most."""
    names = ("swtpm_setup", "swtpm", "dbus-daemon", "tpm2-abrmd", "tpm2_ptool")
    setup, swtpm, bus, broker, tool = (str(program(name)) for name in names)
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="vernix-tpm-"))
        stack.callback(shutil.rmtree, folder)
        environment = os.environ | _tpm_settings(folder)
        (folder / "state").mkdir()
        (folder / "store").mkdir()
        _run([setup, "--tpm2", "--tpmstate", str(folder / "state"), "--createek"], environment)
        (folder / "bus.conf").write_text(_BUS.format(socket=folder / "bus"))
        server = ["socket", "--tpm2", "--tpmstate", f"dir={folder}/state", "--flags", "not-need-init,startup-clear"]
        sockets = ["--server", f"type=unixio,path={folder}/tpm", "--ctrl", f"type=unixio,path={folder}/tpm.ctrl"]
        stack.callback(_end, _start([swtpm, *server, *sockets], environment))
        stack.callback(_end, _start([bus, f"--config-file={folder}/bus.conf", "--nofork"], environment))
        wait_for(lambda: (folder / "bus").exists() and (folder / "tpm").exists(), "D-Bus and swtpm")
        start = (broker, "--session", "--allow-root", f"--tcti=swtpm:path={folder}/tpm")
        module = _library("*/pkcs11/libtpm2_pkcs11.so", "*/libtpm2_pkcs11.so.1")
        token = Token(module, _pin_file(folder), "swtpm", start_broker=start, environment=environment)
        token.start()
        stack.callback(lambda: token.stop())
        store = ["--path", str(folder / "store")]
        token.run(tool, "init", *store)
        token.run(tool, "addtoken", "--pid", "1", "--label", LABEL, "--sopin", _SO_PIN, "--userpin", _PIN, *store)
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in _tpm_settings(folder).items():
            patch.setenv(name, value)
        stack.callback(_forget, module)
        yield token


def _tpm_settings(folder: Path) -> dict[str, str]:
    return {
        "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus",
        "TPM2_PKCS11_STORE": str(folder / "store"),
        "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session",
        "TPM2TOOLS_TCTI": "tabrmd:bus_type=session",
        "TSS2_LOG": "all+none",
    }


class Tokens:
    """The tokens of this test process, made when first asked for and ended with it."""

    def __init__(self) -> None:
        self.stack = contextlib.ExitStack()
        self._made: dict[str, Token] = {}

    def soft_hsm(self, program: FindProgram, factory: pytest.TempPathFactory) -> Token:
        """See :func:`soft_hsm`."""
        if "softhsm" not in self._made:
            self._made["softhsm"] = self.stack.enter_context(soft_hsm(program, factory.mktemp("softhsm")))
        return self._made["softhsm"]

    def soft_tpm(self, program: FindProgram) -> Token:
        """See :func:`soft_tpm`."""
        if "tpm" not in self._made:
            self._made["tpm"] = self.stack.enter_context(soft_tpm(program))
        return self._made["tpm"]


_KEY = pytest.StashKey[Tokens]()


def tokens_of(config: pytest.Config) -> Tokens:
    """One :class:`Tokens` for a whole test process, whichever folder's tests ask for it."""
    if _KEY not in config.stash:
        config.stash[_KEY] = Tokens()
        config.add_cleanup(config.stash[_KEY].stack.close)
    return config.stash[_KEY]
