import importlib.util
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
