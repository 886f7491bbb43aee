// The shop in Emmett's own style: deciders as plain functions, CommandHandler over its SQLite event store.
// Called by by_node.py as: node emmett_shop.mjs COMMANDS DATABASE TASKS SECONDS
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

import { CommandHandler, IllegalStateError, isExpectedVersionConflictError } from '@event-driven-io/emmett';
import { getSQLiteEventStore, sqliteConnection } from '@event-driven-io/emmett-sqlite';

const [commandFile, database, tasks, seconds] = process.argv.slice(2);

// Amounts are whole thousandths, since JSON has no decimals.
const thousandths = (text) => Math.round(Number(text) * 1000);
const total = (lines) => lines.reduce((sum, line) => sum + line.quantity * thousandths(line.unit_price), 0);
const requireSellable = (lines) => {
  if (!lines.length || lines.some((line) => line.quantity <= 0 || thousandths(line.unit_price) <= 0))
    throw new IllegalStateError('line.not_sellable');
};

// Its connections do not wait for their first statement, which is sometimes still in progress at the commit: SQLITE_BUSY.
const retry = {
  retries: 5,
  minTimeout: 1,
  shouldRetryError: (error) => isExpectedVersionConflictError(error) || error?.code === 'SQLITE_BUSY',
};

const product = {
  handle: CommandHandler({
    initialState: () => ({ price: null }),
    evolve: (state, { type, data }) => (type === 'product.repriced' ? { price: data.price } : state),
  }),
  decide: ({ price }) => (state) => {
    if (thousandths(price) <= 0) throw new IllegalStateError('price.not_sellable');
    return state.price === price ? [] : [{ type: 'product.repriced', data: { price } }];
  },
};

const document = (placed) => ({
  handle: CommandHandler({
    initialState: () => ({ status: 'new' }),
    evolve: (state, { type }) => (type === placed ? { status: 'placed' } : state),
  }),
  decide: ({ country, lines, customer }) => (state) => {
    requireSellable(lines);
    if (state.status !== 'new') throw new IllegalStateError('exists');
    return [{ type: placed, data: { country, lines, total: total(lines), customer } }];
  },
});

const deciders = {
  'product.reprice': product,
  'order.place': document('order.placed'),
  'return.accept': document('return.accepted'),
};

const commands = [];
for await (const line of createInterface({ input: createReadStream(commandFile) })) commands.push(JSON.parse(line));

const store = getSQLiteEventStore({ fileName: database, schema: { autoMigration: 'CreateOrUpdate' } });
await store.readStream('product-none'); // so that the tables are there before the clock runs
// The store opens a connection for each call and closes it. Were it the last one, SQLite would copy the WAL each time.
const connection = sqliteConnection({ fileName: database });
await connection.query('SELECT 1 FROM emt_messages');

const waits = [];
const started = process.hrtime.bigint();
const end = started + BigInt(Math.round(Number(seconds) * 1e9));
let next = 0;
let changes = 0;
const send = async () => {
  while (next < commands.length && process.hrtime.bigint() < end) {
    const { type, stream, data } = commands[next++];
    const before = process.hrtime.bigint();
    const { handle, decide } = deciders[type];
    const { newEvents } = await handle(store, stream, decide(data), { retry });
    changes += newEvents.length;
    waits.push(Number(process.hrtime.bigint() - before));
  }
};
await Promise.all(Array.from({ length: Number(tasks) }, send));
const taken = Number(process.hrtime.bigint() - started) / 1e9;

const { stored } = await connection.querySingle('SELECT count(*) AS stored FROM emt_messages');
console.log(JSON.stringify({ seconds: taken, changes, waits, stored }));
