import importlib.util
import logging
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))  # `import small`, here and in helper processes


class PostgresServer:
    """A PostgreSQL server of our own, which only a socket in its folder reaches."""

    def __init__(self, initdb, folder, owner):
        self.folder, self.owner = folder, owner
        self.control = str(Path(initdb).resolve().with_name("pg_ctl"))
        self.url = f"postgresql+psycopg://postgres@/postgres?host={folder}"
        self._do(
            initdb,
            "-D",
            f"{folder}/data",
            *["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"],
        )

    def start(self):
        settings = f"-c listen_addresses= -c fsync=off -k {self.folder}"
        self._do(
            self.control, "-w", *self._data, "-l", f"{self.folder}/log", "-o", settings, "start"
        )

    def stop(self, mode="immediate"):
        self._do(self.control, "-w", *self._data, "-m", mode, "stop")

    @property
    def _data(self):
        return "-D", f"{self.folder}/data"

    def _do(self, *command):
        subprocess.run(
            command, user=self.owner, cwd=self.folder, check=True, stdout=subprocess.DEVNULL
        )


@pytest.fixture(scope="session")
def postgres_server():
    initdb = shutil.which("initdb")
    if initdb is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip("PostgreSQL (initdb) or psycopg is not installed")
    owner = None if os.getuid() else "nobody"  # the server refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a socket's path has 107 characters at most
    if owner is not None:
        os.chown(folder, pwd.getpwnam(owner).pw_uid, -1)
    try:
        server = PostgresServer(initdb, folder, owner)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres(postgres_server):
    """The address of an empty PostgreSQL database."""
    engine = sa.create_engine(postgres_server.url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA public CASCADE"))
        connection.execute(sa.text("CREATE SCHEMA public"))
    engine.dispose()
    return postgres_server.url


@pytest.fixture(scope="session")
def s3_server():
    """A place on an S3 server of our own, on loopback, which the environment names."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    found = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    found.start()
    host, port = found.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        import fsspec

        fsspec.filesystem("s3").mkdir("bucket")
        yield "s3://bucket/studies"
    found.stop()
