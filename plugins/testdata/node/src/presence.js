// Serves a feature to the host that started this process: the handshake, TLS,
// health, the controller, and the stream of calls.
import * as grpc from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { join } from 'node:path';
import { certificate } from './certificate.js';
import { Refusal } from './feature.js';
import featureProto from '../../../process/proto/presence/feature/v1/feature.proto';
import healthProto from '../proto/health.proto';
import pluginProto from '../proto/plugin.proto';

// PROTOCOL is the version of feature.proto that this file was written for.
const PROTOCOL = 1;

// GRACE is how long, in milliseconds, what was answered last may take to leave.
const GRACE = 1000;

// MESSAGE is the most bytes that a message may have, in either direction.
const MESSAGE = 16 << 20;

/**
 * Serves feature until the host has had enough of it.
 *
 * feature.manifest is a Manifest of feature.proto, in camel case, with the names
 * of its enums: {name: 'poll', state: [{name: 'votes', kind: 'KIND_LIST'}], …}.
 *
 * feature.handle(event, state, signal) answers mutations, or none, and
 * feature.render(view, signal) fragments, or promises of them; a fragment's patch
 * is an array of CableReady operations, {operation, selector, …}. signal aborts
 * when nobody waits for the answer any more. Numbers of 64 bits are Numbers:
 * exact to 2^53.
 */
export async function serve(feature) {
  const { env } = process;
  if (env.PRESENCE_FEATURE !== 'started by presence') {
    const { name } = feature.manifest;
    console.error(`This is the feature "${name}" of Global Presence. Put it into the folder that presence watches (--plugins DIR).`);
    process.exit(2);
  }
  // Terminals and service managers send these to everybody; the host says when it is time.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
  endWithParent();

  const server = new grpc.Server({ 'grpc.max_receive_message_length': MESSAGE }); // 4 MiB otherwise
  server.addService(parse(featureProto, 'presence.feature.v1.FeatureService'), {
    Describe: (call, answer) => describe(feature, call.request, answer),
    Carry: (call) => carry(feature, call, () => end(server)),
  });
  server.addService(parse(healthProto, 'grpc.health.v1.Health'), {
    Check: (call, answer) =>
      call.request.service === 'plugin'
        ? answer(null, { status: 'SERVING' })
        : answer({ code: grpc.status.NOT_FOUND, details: `no service "${call.request.service}"` }),
    Watch: (call) => call.write({ status: call.request.service === 'plugin' ? 'SERVING' : 'SERVICE_UNKNOWN' }),
  });
  server.addService(parse(pluginProto, 'plugin.GRPCController'), {
    Shutdown: (call, answer) => {
      answer(null, {});
      end(server);
    },
  });

  const own = certificate();
  const pair = { private_key: Buffer.from(own.key), cert_chain: Buffer.from(own.cert) };
  const credentials = grpc.ServerCredentials.createSsl(Buffer.from(env.PLUGIN_CLIENT_CERT), [pair], true);
  const path = join(env.PLUGIN_UNIX_SOCKET_DIR, 'feature.sock');
  await new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, credentials, (err) => (err ? reject(err) : resolve()));
  });
  process.stdout.write(`1|1|unix|${path}|grpc|${own.der.toString('base64').replace(/=+$/, '')}\n`);
}

// parse makes of a .proto file what grpc-js takes: the definition of a service.
function parse(source, name) {
  const { root } = protobuf.parse(source, new protobuf.Root());
  root.resolveAll();
  const service = root.lookupService(name);
  const codec = (type) => ({
    read: (bytes) => type.toObject(type.decode(bytes), { longs: Number, enums: String, defaults: true, oneofs: true }),
    write: (object) => Buffer.from(type.encode(type.fromObject(object)).finish()),
  });
  const definition = {};
  for (const method of service.methodsArray) {
    const [request, response] = [codec(method.resolvedRequestType), codec(method.resolvedResponseType)];
    definition[method.name] = {
      path: `/${name}/${method.name}`,
      requestStream: method.requestStream ?? false,
      responseStream: method.responseStream ?? false,
      requestSerialize: request.write,
      requestDeserialize: request.read,
      responseSerialize: response.write,
      responseDeserialize: response.read,
    };
  }
  return definition;
}

function describe(feature, { protocolVersion }, answer) {
  if (protocolVersion < PROTOCOL) {
    answer({
      code: grpc.status.FAILED_PRECONDITION,
      details: `the feature was built for protocol ${PROTOCOL}, this presence speaks ${protocolVersion}: update presence`,
    });
    return;
  }
  answer(null, { manifest: feature.manifest, sdkVersion: 'presence.js v1' });
}

// carry answers the calls of the one stream, each when it is ready.
function carry(feature, stream, done) {
  const open = new Map(); // by id: what aborts the call
  const pending = new Set();
  let closed = false;

  stream.on('data', ({ calls, cancelledIds }) => {
    for (const call of calls) {
      const abort = new AbortController();
      open.set(call.id, abort);
      const answered = answer(feature, call, abort).then((body) => {
        open.delete(call.id);
        pending.delete(answered);
        stream.write({ answers: [{ id: call.id, ...body }] });
      });
      pending.add(answered);
    }
    // What is not open any more was answered meanwhile.
    for (const id of cancelledIds) open.get(id)?.abort('CODE_CANCELLED');
  });
  stream.on('end', async () => {
    await Promise.all(pending);
    closed = true;
    stream.end();
    done();
  });
  // The host is gone. A stream that breaks ends first.
  stream.on('cancelled', () => {
    if (!closed) process.exit(0);
  });
  stream.on('error', () => process.exit(0));
}

// answer answers one call, and a call that is too late or cancelled with that.
async function answer(feature, call, abort) {
  const { signal } = abort;
  const late = setTimeout(() => abort.abort('CODE_DEADLINE_EXCEEDED'), call.remainingMs);
  const aborted = new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(signal.reason)));
  });
  const asked = call.body === 'handle' ? outcomes(feature, call.handle, signal) : fragments(feature, call.render, signal);
  try {
    return await Promise.race([asked, aborted]);
  } catch (err) {
    if (signal.aborted) return { error: { code: signal.reason, message: signal.reason } };
    return { error: failure(err) };
  } finally {
    clearTimeout(late);
  }
}

// outcomes answers a batch of events: one refused or failed costs the others nothing.
async function outcomes(feature, { events, states }, signal) {
  const list = [];
  for (const event of events) {
    try {
      const mutations = await feature.handle(event, states[event.room], signal);
      list.push({ mutations: (mutations ?? []).map(wellFormed) });
    } catch (err) {
      list.push({ error: failure(err) });
    }
  }
  return { outcomes: { outcomes: list } };
}

async function fragments(feature, view, signal) {
  const list = await feature.render(view, signal);
  return {
    fragments: {
      fragments: list.map(({ html, patch = [], ...fragment }) => ({
        ...wellFormed({ ...fragment, html: String(html) }),
        patch: patch.map((operation) => Buffer.from(JSON.stringify(operation))),
      })),
    },
  };
}

function failure(err) {
  if (err instanceof Refusal) return { code: 'CODE_REFUSED', message: err.message, sentence: err.message.toWellFormed() };
  return { code: 'CODE_FAILED', message: String(err?.stack ?? err).toWellFormed() };
}

// wellFormed mends half characters, which slice leaves of an emoji: a host takes the
// whole answer for an error.
function wellFormed(object) {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, typeof value === 'string' ? value.toWellFormed() : value]),
  );
}

// end stops taking calls and ends the process once all is sent.
function end(server) {
  server.tryShutdown(() => process.exit(0));
  setTimeout(() => process.exit(0), GRACE);
}

// endWithParent ends the process when the host died before it opened the stream,
// whose end would tell.
function endWithParent() {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(0);
  }, 1000).unref();
}
