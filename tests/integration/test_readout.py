"""Programs that really fail: from what each prints, the read-out names the class and the true cause."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from matinee.readout.explain import explain

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Failure:
    """A program that fails, and what the read-out must say of its output."""

    program: str
    kind: str
    cause: str


#: A session of Sail in the program's own process.
SAIL = """
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
spark = SparkSession.builder.remote("sc://127.0.0.1:%s" % server.listening_address[1]).getOrCreate()
"""

#: A catalog with a namespace, and a schema.
ICEBERG = """
import os, pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
c = SqlCatalog("x", uri="sqlite:///x.db", warehouse="file://" + os.getcwd()); c.create_tables(); c.create_namespace("a")
s = pa.schema([("id", pa.int64())])
"""

FAILURES = {
    "a full disk": Failure(
        "open('/dev/full', 'w', buffering=1).write('rows\\n')", "resource", "No space left on device"
    ),
    "memory": Failure(
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29)); bytearray(1 << 30)",
        "resource",
        "MemoryError",
    ),
    "memory of NumPy": Failure("import numpy; numpy.zeros((1 << 24, 1 << 20))", "resource", "Unable to allocate"),
    "open files": Failure(
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))\n"
        "files = [open('/dev/null') for _ in range(20)]",
        "resource",
        "Too many open files",
    ),
    "a file that is too large": Failure(
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); open('rows', 'wb', buffering=0).write(b'x' * 11)\n"
        "open('rows', 'ab', buffering=0).write(b'x')",
        "resource",
        "File too large",
    ),
    "a killed process": Failure(
        "import subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', 'import os; os.kill(os.getpid(), 9)'], check=True)",
        "resource",
        "SIGKILL",
    ),
    "a crash": Failure(
        "import ctypes, faulthandler; faulthandler.enable(); ctypes.string_at(0)", "code", "Segmentation fault"
    ),
    "a name that nobody knows": Failure(
        "import urllib.request; urllib.request.urlopen('http://host.invalid/')", "network", r"\[Errno -"
    ),
    "a port where nobody listens": Failure(
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')", "network", "Connection refused"
    ),
    "a port that is taken": Failure(
        "import socket; a = socket.create_server(('127.0.0.1', 0)); socket.create_server(a.getsockname())",
        "configuration",
        "Address already in use",
    ),
    "a server without encryption": Failure(
        "import socket, ssl, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "threading.Thread(target=lambda: server.accept()[0].sendall(b'HTTP/1.0 200\\r\\n' * 9), daemon=True).start()\n"
        "ssl.create_default_context().wrap_socket(socket.create_connection(server.getsockname()), server_hostname='x')",
        "network",
        "WRONG_VERSION_NUMBER",
    ),
    "a server that does not answer": Failure(
        "import socket; server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), timeout=0.1).recv(1)",
        "network",
        "timed out",
    ),
    "a connection that was cut": Failure(
        "import http.client, socket, threading\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()\n"
        "c = http.client.HTTPConnection(*server.getsockname()); c.request('GET', '/'); c.getresponse()",
        "network",
        "Remote end closed|Connection reset",
    ),
    "a file that is not there": Failure(
        "open('/landing/2026-03-01/plays.jsonl')", "input", "/landing/2026-03-01/plays.jsonl"
    ),
    "a broken JSON": Failure("import json; json.loads('{\"a\": 1,}')", "input", "property name"),
    "a broken gzip": Failure("import gzip; gzip.decompress(gzip.compress(b'rows' * 99)[:-9])", "input", "ended before"),
    "a text in another encoding": Failure("b'caf\\xe9'.decode()", "input", "can't decode byte 0xe9"),
    "a Parquet file that is none": Failure(
        "import io, pyarrow.parquet as pq; pq.read_table(io.BytesIO(b'no parquet'))", "input", "Parquet"
    ),
    "a date that does not exist": Failure(
        "import datetime; datetime.date(2026, 2, 30)", "input", "day is out of range"
    ),
    "a row that pydantic refuses": Failure(
        "import pydantic\nclass Row(pydantic.BaseModel):\n    position: int\nRow(position='x')",
        "input",
        "validation error",
    ),
    "a column that pandas lacks": Failure("import pandas; pandas.DataFrame({'a': [1]})['b']", "code|contract", "'b'"),
    "types that Arrow refuses": Failure(
        "import pyarrow as pa; pa.table({'a': [1]}).cast(pa.schema({'b': pa.int64()}))", "contract|input", "match"
    ),
    "a null that SQLite refuses": Failure(
        "import sqlite3; c = sqlite3.connect(':memory:'); c.execute('create table t (a int not null)')\n"
        "c.execute('insert into t values (null)')",
        "contract",
        "NOT NULL constraint failed",
    ),
    "a database that is locked": Failure(
        "import sqlite3; a, b = sqlite3.connect('x.db', timeout=0), sqlite3.connect('x.db', timeout=0)\n"
        "a.execute('create table t (a)'); a.execute('begin exclusive'); b.execute('insert into t values (1)')",
        "conflict",
        "database is locked",
    ),
    "a database that cannot be opened": Failure(
        "import sqlalchemy as s; s.create_engine('sqlite:////no/such/x.db').connect()",
        "input|configuration",
        "unable to open",
    ),
    "a database that does not listen": Failure(
        "import psycopg2; psycopg2.connect(host='127.0.0.1', port=9)", "network", "Connection refused"
    ),
    "a table that the catalog lacks": Failure(
        "from pyiceberg.catalog.sql import SqlCatalog\n"
        "c = SqlCatalog('x', uri='sqlite:///:memory:', warehouse='file:///tmp/x'); c.load_table('a.b')",
        "contract",
        "a.b",
    ),
    "a package that is not installed": Failure("import partner_sdk", "configuration", "No module named 'partner_sdk'"),
    "a variable that is not set": Failure("import os; os.environ['PARTNER_URL']", "configuration", "PARTNER_URL"),
    "a program that is not installed": Failure(
        "import subprocess; subprocess.run(['spark-submit-9'])", "configuration|input", "spark-submit-9"
    ),
    "a fault of a program": Failure("rows = []; rows[0]", "code", "list index out of range"),
    "a recursion": Failure("def f():\n    f()\nf()", "code", "maximum recursion depth"),
    "an object that cannot be sent": Failure("import pickle; pickle.dumps(lambda: 0)", "code", "pickle"),
    "a syntax error": Failure("exec('for row in')", "code", "invalid syntax"),
    "an assertion": Failure("assert 1 == 2, 'rows differ'", "code", "rows differ"),
    "no credentials of AWS": Failure(
        "import boto3; boto3.client('s3', region_name='eu-west-1').list_buckets()",
        "configuration",
        "Unable to locate credentials",
    ),
    "no region of AWS": Failure("import boto3; boto3.client('athena').list_work_groups()", "configuration", "region"),
    "a query that Sail cannot resolve": Failure(
        SAIL + "spark.sql('select positon from range(3)').collect()",
        "contract|code",
        "positon",
    ),
    "a query that Sail cannot parse": Failure(
        SAIL + "spark.sql('select * form range(3)').collect()",
        "code",
        "found range",
    ),
    "a table that is already there": Failure(
        ICEBERG + "c.create_table('a.t', s); c.create_table('a.t', s)", "conflict", "already exists"
    ),
    "a column that a table lacks": Failure(
        ICEBERG + "c.create_table('a.t', s).append(pa.table({'id': [1], 'device': ['x']}))", "contract", "more columns"
    ),
    "a namespace that is not there": Failure(ICEBERG + "c.create_table('b.t', s)", "configuration", "'b'"),
    "a snapshot that is not there": Failure(
        ICEBERG + "c.create_table('a.t', s).scan(snapshot_id=812).to_arrow()", "input|conflict", "812"
    ),
    "a type that may not get narrower": Failure(
        ICEBERG + "from pyiceberg.types import IntegerType\n"
        "with c.create_table('a.t', s).update_schema() as u: u.update_column('id', IntegerType())",
        "contract",
        "Cannot change column type",
    ),
    "a future that carries an error": Failure(
        "from concurrent.futures import ThreadPoolExecutor\nimport urllib.request\nwith ThreadPoolExecutor() as p:\n"
        "    try:\n        p.submit(urllib.request.urlopen, 'http://127.0.0.1:9/').result()\n"
        "    except OSError as e:\n        raise RuntimeError('landing failed') from e",
        "network",
        "Connection refused",
    ),
    "a group of errors": Failure(
        "import asyncio\nasync def f(x): return int(x)\nasync def m():\n    async with asyncio.TaskGroup() as g:\n"
        "        g.create_task(f('1')); g.create_task(f('x'))\nasyncio.run(m())",
        "input|code",
        "invalid literal",
    ),
    "a retry that gave up": Failure(
        "import tenacity, urllib.request\n@tenacity.retry(stop=tenacity.stop_after_attempt(2))\n"
        "def f(): urllib.request.urlopen('http://127.0.0.1:9/')\nf()",
        "network",
        "Connection refused",
    ),
    "a future that waited too long": Failure(
        "import concurrent.futures as f, time\n"
        "with f.ThreadPoolExecutor() as p: p.submit(time.sleep, 1).result(timeout=0.1)",
        "network|conflict|platform",
        "TimeoutError",
    ),
    "a pool that lost a worker": Failure(
        "import os\nfrom concurrent.futures import ProcessPoolExecutor\n"
        "with ProcessPoolExecutor(1) as p: p.submit(os._exit, 9).result()",
        "platform|resource|code",
        "terminated abruptly",
    ),
    "a Parquet file that was cut": Failure(
        "import pyarrow as pa, pyarrow.parquet as pq\npq.write_table(pa.table({'a': [1]}), 'x')\n"
        "b = open('x', 'rb').read(); open('x', 'wb').write(b[:-20]); pq.read_table('x')",
        "input",
        "Parquet magic bytes",
    ),
    "an engine of SQLAlchemy that is unknown": Failure(
        "import sqlalchemy as s; s.create_engine('postgres://x/y')", "configuration", "Can't load plugin"
    ),
    "a template without a value": Failure(
        "import jinja2 as j\nj.Environment(undefined=j.StrictUndefined).from_string('{{ day }}').render()",
        "code",
        "'day' is undefined",
    ),
    "options that a program does not know": Failure(
        "import argparse; argparse.ArgumentParser().parse_args(['--dya', '1'])",
        "configuration|code",
        "unrecognized arguments",
    ),
    "a program that a shell does not know": Failure(
        "import subprocess; subprocess.run('no-such-program --x', shell=True, check=True)", "configuration", "127"
    ),
    "a dictionary that changed": Failure("d = {1: 1}\nfor k in d: d[k + 1] = 1", "code", "dictionary changed size"),
    "a retry before the true cause": Failure(
        "import logging, urllib.request; logging.basicConfig(format='%(asctime)s %(levelname)s %(message)s')\n"
        "try:\n    urllib.request.urlopen('http://127.0.0.1:9/')\n"
        "except OSError:\n    logging.warning('the partner does not answer, the cache is used', exc_info=True)\n"
        "{}['title_id']",
        "code",
        "KeyError: 'title_id'",
    ),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_a_program_that_fails_is_explained(failure: Failure, tmp_path: Path) -> None:
    command = [sys.executable, "-X", "faulthandler", "-c", failure.program]
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(command, cwd=tmp_path, env=clean, stderr=subprocess.PIPE, check=False, timeout=120)
    assert done.returncode != 0
    readout = explain(done.stderr.splitlines(keepends=True))
    assert readout.kind in failure.kind.split("|"), (readout, done.stderr.decode())
    assert re.search(failure.cause, readout.cause), (readout, done.stderr.decode())
