import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { certificate } from '../src/certificate.js';

test('a certificate is what go-plugin asks for', () => {
  const now = Date.UTC(2026, 0, 2, 3, 4, 5);
  const { key, cert, der } = certificate(now);
  const x = new X509Certificate(cert);
  assert.deepEqual(x.raw, der);
  assert.ok(x.verify(x.publicKey), 'it is not signed by itself');
  assert.ok(x.checkPrivateKey(createPrivateKey(key)));
  assert.equal(x.checkHost('localhost'), 'localhost');
  assert.deepEqual(x.keyUsage, ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  assert.equal(x.validFrom, 'Jan  2 02:04:05 2026 GMT');
  assert.equal(x.validTo, 'Jan  3 03:04:05 2026 GMT');
});

test('two processes know each other by their certificates', async (t) => {
  const [server, client, stranger] = [certificate(), certificate(), certificate()];
  const listener = createServer({ ...server, ca: client.cert, requestCert: true, rejectUnauthorized: true }, (socket) => socket.end('hello'));
  listener.on('tlsClientError', () => {});
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  t.after(() => listener.close());
  const heard = async (own) => {
    const socket = connect({ port: listener.address().port, host: '127.0.0.1', servername: 'localhost', ca: server.cert, ...own });
    let said = '';
    socket.on('data', (data) => (said += data)).on('error', () => {});
    await new Promise((resolve) => socket.on('close', resolve));
    return said;
  };
  assert.equal(await heard(client), 'hello');
  assert.equal(await heard(stranger), '');
});
