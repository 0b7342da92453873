"""What is known of other modules: which calls do I/O, read the clock, are random, and so on, by their whole names."""

from __future__ import annotations

_VERBS = "get post put patch delete head options request"
_DATABASE = """
    connect begin execute executemany scalar scalars commit rollback flush refresh get
    get_one query merge fetch fetchrow fetchval fetchone fetchall fetchmany cursor acquire run_callable raw_connection
"""
_FILE = """
    read_text read_bytes write_text write_bytes open unlink mkdir rmdir touch rename replace iterdir glob rglob walk
    exists is_file is_dir is_symlink stat lstat symlink_to hardlink_to chmod samefile
"""
_OURS = """
    create create_batch get list status send_event pause resume restart terminate delete delete_batch result subscribe
    fork start preview
"""
_OBJECTS = """
    get create update delete count exists first last aget acreate aupdate adelete acount aexists afirst alast
    get_or_create update_or_create bulk_create bulk_update aget_or_create aupdate_or_create abulk_create earliest latest
"""

_FUNCTIONS = {
    "requests": _VERBS,
    "httpx": f"{_VERBS} stream",
    "aiohttp": "request",
    "urllib.request": "urlopen urlretrieve",
    "urllib3": "request",
    "socket": "create_connection create_server getaddrinfo gethostbyname gethostbyaddr",
    "subprocess": "run call check_call check_output Popen getoutput getstatusoutput",
    "os": """
        system popen remove unlink rename renames replace mkdir makedirs rmdir removedirs listdir scandir walk stat
        lstat open read write symlink link chmod chown truncate execv spawnv posix_spawn kill fork
    """,
    "os.path": "exists isfile isdir getsize getmtime getctime lexists",
    "shutil": "copy copy2 copyfile copytree copyfileobj move rmtree make_archive unpack_archive disk_usage",
    "builtins": "open input",
    "io": "open",
    "codecs": "open",
    "gzip": "open",
    "aiofiles": "open",
    "tempfile": """
        mkstemp mkdtemp NamedTemporaryFile TemporaryFile TemporaryDirectory SpooledTemporaryFile
    """,
    "glob": "glob iglob",
    "psycopg": "connect",
    "psycopg.Connection": "connect",
    "psycopg.AsyncConnection": "connect",
    "psycopg2": "connect",
    "asyncpg": "connect create_pool",
    "sqlite3": "connect",
    "aiosqlite": "connect",
    "pymysql": "connect",
    "MySQLdb": "connect",
    "aiomysql": "connect create_pool",
    "oracledb": "connect",
    "pyodbc": "connect",
    "duckdb": "connect",
    "smtplib": "SMTP SMTP_SSL LMTP",
    "aiosmtplib": "send",
    "ftplib": "FTP FTP_TLS",
    "imaplib": "IMAP4 IMAP4_SSL",
    "pandas": "read_csv read_json read_parquet read_sql read_sql_query read_sql_table read_excel",
    "django.core.mail": "send_mail send_mass_mail mail_admins mail_managers",
    "openai.ChatCompletion": "create acreate",
    "js": "fetch",
    "pyodide.http": "pyfetch",
    "litellm": "completion acompletion embedding aembedding",
}
_METHODS = {
    "requests.Session()": f"{_VERBS} send",
    "requests.session()": f"{_VERBS} send",
    "httpx.Client()": f"{_VERBS} stream send",
    "httpx.AsyncClient()": f"{_VERBS} stream send",
    "aiohttp.ClientSession()": f"{_VERBS} ws_connect",
    "urllib3.PoolManager()": "request urlopen",
    "http.client.HTTPConnection()": "request connect getresponse send",
    "http.client.HTTPSConnection()": "request connect getresponse send",
    "socket.socket()": "connect connect_ex bind listen accept send sendall sendto recv recvfrom",
    "pathlib.Path": _FILE,
    "sqlalchemy.create_engine()": _DATABASE,
    "sqlalchemy.ext.asyncio.create_async_engine()": _DATABASE,
    "sqlalchemy.orm.Session()": _DATABASE,
    "sqlalchemy.orm.sessionmaker()": _DATABASE,
    "sqlalchemy.orm.scoped_session()": _DATABASE,
    "sqlalchemy.ext.asyncio.AsyncSession()": _DATABASE,
    "sqlalchemy.ext.asyncio.async_sessionmaker()": _DATABASE,
    "psycopg_pool.ConnectionPool()": "connection getconn open",
    "psycopg_pool.AsyncConnectionPool()": "connection getconn open",
    "smtplib.SMTP()": "sendmail send_message login",
    "wf.Client()": _OURS,
    "wf.AsyncClient()": _OURS,
    "celery.Celery()": "send_task",
    "kafka.KafkaProducer()": "send flush",
    "pymongo.MongoClient()": """
        find find_one insert_one insert_many update_one update_many replace_one delete_one delete_many aggregate
        count_documents
    """,
}
_ANY = (
    "redis.Redis()", "redis.StrictRedis()", "redis.from_url()", "redis.Redis.from_url()", "redis.asyncio.Redis()",
    "redis.asyncio.from_url()", "redis.asyncio.Redis.from_url()", "valkey.Valkey()", "valkey.from_url()",
    "boto3.client()", "boto3.resource()", "boto3.session.Session().client()", "boto3.Session().client()",
    "openai.OpenAI()", "openai.AsyncOpenAI()", "anthropic.Anthropic()", "anthropic.AsyncAnthropic()",
    "subprocess.Popen()", "google.cloud.storage.Client()",
)  # fmt: skip
"""Objects all of whose methods go out."""


def _table(pairs: dict[str, str]) -> frozenset[str]:
    return frozenset(f"{before}.{name}" for before, names in pairs.items() for name in names.split())


_IO = _table(_FUNCTIONS)
_IO_METHODS = {before: frozenset(names.split()) for before, names in _METHODS.items()}
_CHAINED = [each for each in _IO_METHODS if each.startswith(("sqlalchemy.", "wf."))]
"""Objects that give others with such methods: `engine.connect().execute`."""
_BETWEEN = frozenset({
    "pipeline", "Table", "Bucket", "Object", "get_paginator", "get_bucket", "bucket", "blob", "with_options",
})  # fmt: skip
"""Methods of objects all of whose methods go out that give such objects, too."""
_PATHS = frozenset({
    "parent", "with_suffix", "with_name", "with_stem", "joinpath", "absolute", "resolve", "expanduser", "relative_to",
})  # fmt: skip
"""What gives paths of a path; its `name` is text, which has a `replace` of its own."""
_MANAGER = frozenset(_OBJECTS.split())

CLOCKS = _table({
    "time": "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns",
    "datetime.datetime": "now utcnow today",
    "datetime.date": "today",
    "pendulum": "now today tomorrow yesterday",
    "arrow": "now utcnow",
    "django.utils.timezone": "now",
    "pandas.Timestamp": "now today utcnow",
})  # fmt: skip
CLOCKS_WITHOUT_ARGUMENT = {
    "time.localtime": 0,
    "time.gmtime": 0,
    "time.ctime": 0,
    "time.asctime": 0,
    "time.strftime": 1,
    "django.utils.timezone.localdate": 0,
    "django.utils.timezone.localtime": 0,
    "arrow.get": 0,
}
"""Read the clock if they get no more arguments than these."""

RANDOM = _table({
    "random": """
        random randint randrange choice choices shuffle sample uniform gauss normalvariate triangular betavariate
        expovariate gammavariate lognormvariate vonmisesvariate paretovariate weibullvariate getrandbits randbytes
        binomialvariate
    """,
    "secrets": "token_hex token_urlsafe token_bytes choice randbelow randbits",
    "os": "urandom getrandom",
    "uuid": "uuid1 uuid4 uuid6 uuid7 uuid8",
    "numpy.random": "rand randn randint random choice shuffle permutation normal uniform",
    "shortuuid": "uuid random",
    "nanoid": "generate",
})  # fmt: skip
SEEDED = frozenset({"random.Random", "numpy.random.default_rng"})
"""Random if they get no seed."""

SURROUNDINGS = frozenset({
    "os.getenv", "os.getpid", "os.getcwd", "os.cpu_count", "os.uname", "socket.gethostname", "socket.getfqdn",
    "platform.node", "platform.uname", "platform.platform", "getpass.getuser", "threading.get_ident",
    "pathlib.Path.cwd", "pathlib.Path.home",
})  # fmt: skip
THREADS = frozenset({
    "asyncio.to_thread", "asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "asyncio.open_connection",
    "asyncio.start_server", "asyncio.open_unix_connection", "asyncio.start_unix_server", "asyncio.run",
    "asyncio.new_event_loop", "asyncio.run_coroutine_threadsafe", "anyio.to_thread.run_sync",
    "threading.Thread().start", "threading.Timer().start", "_thread.start_new_thread",
    "asgiref.sync.sync_to_async()", "asgiref.sync.async_to_sync()",
    "multiprocessing.Process().start", "multiprocessing.Pool",
    "concurrent.futures.ThreadPoolExecutor().submit", "concurrent.futures.ThreadPoolExecutor().map",
    "concurrent.futures.ProcessPoolExecutor().submit", "concurrent.futures.ProcessPoolExecutor().map",
})  # fmt: skip
THREAD_METHODS = frozenset({"run_in_executor", "run_until_complete", "subprocess_exec", "subprocess_shell"})
"""Of the event loop, wherever it comes from."""
LOOPS = ("asyncio.get_event_loop()", "asyncio.get_running_loop()")


def is_io(dotted: str) -> bool:
    """Whether a call of this reaches the outside world."""
    before, _, method = dotted.rpartition(".")
    if dotted in _IO or method in _IO_METHODS.get(before, ()):
        return True
    if any(dotted.startswith(f"{each}.") and _all_go_out(before[len(each) :]) for each in _ANY):
        return True
    if before.startswith("pathlib.Path"):
        return method in _IO_METHODS["pathlib.Path"] and _is_path(before.removeprefix("pathlib.Path"))
    chained = (each for each in _CHAINED if dotted.startswith((f"{each}.", f"{each}().")))
    return any(method in _IO_METHODS[each] for each in chained) or (method in _MANAGER and ".objects." in dotted)


def _all_go_out(between: str) -> bool:
    """Whether what stands between an object and its method is one whose methods go out, and not an answer."""
    return all(each.removesuffix("()") in _BETWEEN for each in between.split(".") if each.endswith("()"))


def _is_path(between: str) -> bool:
    return all(each.removesuffix("()") in _PATHS for each in between.split(".") if each not in ("", "()"))


def varies(dotted: str) -> bool:
    """Whether a call of this gives another value each time, or in each process."""
    return dotted in CLOCKS or dotted in RANDOM or dotted in SURROUNDINGS or dotted in ("builtins.id", "builtins.hash")
