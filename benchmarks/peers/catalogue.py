"""All peers, as the table tells of them. What each does in detail stands at the head of its module."""

from .by_node import NODE_MODULES
from .peer import Does, Need, Peer

__all__ = ["PEERS", "TWOFOLD"]

TWOFOLD = Does(validates=True, logs=True, decides=True, stores_events=True, reads=True, resends=True)
"""Twofold does all of it in every run, whatever stage is waited for."""

LOG = Does(logs=True)
STORE = Does(validates=True, decides=True, stores_events=True)
STORE_ONCE = Does(validates=True, decides=True, stores_events=True, resends=True)
WORKFLOW = Does(validates=True, logs=True, decides=True, stores_events=True, resends=True)

EXTRA = "pip install '.[peers]'"
SQLITE_FULL = "SQLite, WAL, FULL"
WAL_FSYNC = "synchronous_commit=on"

ASYNCPG = (
    Need("asyncpg", EXTRA),
    Need("postgres", "apt-get install postgresql", "program"),
    Need("initdb", "apt-get install postgresql", "program"),
)
NATS = Need("nats", EXTRA), Need("nats-server", EXTRA, "program")
REDIS = Need("redis", EXTRA), Need("redis-server", "apt-get install redis-server", "program")
EMMETT = (
    Need("node", "apt-get install nodejs npm", "program"),
    Need(str(NODE_MODULES / "@event-driven-io" / "emmett-sqlite"), "npm install --prefix benchmarks/peers", "file"),
)

PEERS = (
    Peer(
        name="Redis streams",
        stage="accepted",
        tasks=(1, 1_024),
        does=LOG,
        durability="appendfsync always",
        tuning="a pipeline of what waits, hiredis",
        module="benchmarks.peers.by_redis",
        needs=REDIS,
    ),
    Peer(
        name="NATS JetStream, each message",
        stage="accepted",
        tasks=(1, 1_024),
        does=Does(logs=True, resends=True),
        durability="sync_interval: always",
        tuning="all publishes under way on one connection",
        module="benchmarks.peers.by_jetstream",
        way="always",
        needs=NATS,
    ),
    Peer(
        name="NATS JetStream, atomic batches",
        stage="accepted",
        tasks=(1_024,),
        does=Does(logs=True, resends=True),
        durability="sync_interval: always",
        tuning="a batch of what waits",
        module="benchmarks.peers.by_jetstream",
        way="batches",
        needs=NATS,
    ),
    Peer(
        name="NATS JetStream, its default",
        stage="accepted",
        tasks=(1, 1_024),
        does=Does(logs=True, resends=True),
        durability="synced every 2 min.",
        is_durable=False,
        tuning="all publishes under way on one connection",
        module="benchmarks.peers.by_jetstream",
        way="default",
        needs=NATS,
    ),
    Peer(
        name="PostgreSQL by hand, each in a transaction",
        stage="handled",
        tasks=(1, 1_024),
        does=STORE_ONCE,
        durability=WAL_FSYNC,
        tuning="64 connections, commit_delay, two statements a command",
        module="benchmarks.peers.by_postgres",
        way="each",
        needs=ASYNCPG,
        family="PostgreSQL by hand",
    ),
    Peer(
        name="PostgreSQL by hand, in groups",
        stage="handled",
        tasks=(1_024,),
        does=STORE_ONCE,
        durability=WAL_FSYNC,
        tuning="one writer, a transaction of what waits, arrays",
        module="benchmarks.peers.by_postgres",
        way="groups",
        needs=ASYNCPG,
        family="PostgreSQL by hand",
    ),
    Peer(
        name="eventsourcing, each in a transaction",
        stage="handled",
        tasks=(1, 4),
        does=STORE,
        durability=SQLITE_FULL,
        tuning="aggregate cache, threads",
        module="benchmarks.peers.by_eventsourcing",
        way="each",
        needs=(Need("eventsourcing", EXTRA),),
        family="library",
    ),
    Peer(
        name="eventsourcing, in groups",
        stage="handled",
        tasks=(1_024,),
        does=STORE,
        durability=SQLITE_FULL,
        tuning="aggregate cache, one save for what waits",
        module="benchmarks.peers.by_eventsourcing",
        way="groups",
        needs=(Need("eventsourcing", EXTRA),),
        family="library",
    ),
    Peer(
        name="eventsource-py",
        stage="handled",
        tasks=(1, 64),
        does=STORE,
        durability=SQLITE_FULL,
        tuning="no snapshots, no bus",
        module="benchmarks.peers.by_eventsource",
        needs=(Need("eventsource", EXTRA),),
        family="library",
    ),
    Peer(
        name="Emmett",
        stage="handled",
        tasks=(1,),
        does=STORE,
        durability=SQLITE_FULL,
        tuning="a connection kept open",
        module="benchmarks.peers.by_node",
        needs=EMMETT,
        family="library",
    ),
    Peer(
        name="DBOS",
        stage="handled",
        tasks=(1, 16),
        does=WORKFLOW,
        durability=SQLITE_FULL,
        tuning="WAL, threads",
        module="benchmarks.peers.by_dbos",
        needs=(Need("dbos", EXTRA),),
    ),
)
