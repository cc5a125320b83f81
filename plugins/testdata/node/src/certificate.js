import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

// What X.509 (RFC 5280) is written in: a tag, the length, and what is inside.
const der = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const n = body.length;
  const length = n < 0x80 ? [n] : n < 0x100 ? [0x81, n] : [0x82, n >> 8, n & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
};
const sequence = (...parts) => der(0x30, ...parts);
const oid = (hex) => der(0x06, Buffer.from(hex, 'hex'));
const text = (tag, s) => der(tag, Buffer.from(s, 'latin1'));
const bits = (unused, bytes) => der(0x03, Buffer.from([unused]), bytes);
const time = (date) => text(0x18, date.toISOString().replace(/[-:T]|\.\d+/g, '')); // 20260102030405Z
const extension = (id, value) => sequence(oid(id), der(0x04, value));

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));

/**
 * Makes a key and a certificate for one life of a process: ECDSA P-256, for
 * "localhost", signed by itself, good for a day from now, and an hour back.
 *
 * Node reads certificates and does not write them. This is the one that a
 * feature needs, because libraries for any take a third of a start.
 *
 * @returns {{key: string, cert: string, der: Buffer}} PEM, PEM, and the certificate's bytes
 */
export function certificate(now = Date.now()) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(oid('550403'), text(0x0c, 'localhost'))));
  const serial = randomBytes(16);
  serial[0] = (serial[0] & 0x7f) | 0x40; // positive, and as short as it can be
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))), // version 3
    der(0x02, serial),
    ECDSA_WITH_SHA256,
    name, // the issuer
    sequence(time(new Date(now - 3600_000)), time(new Date(now + 86400_000))),
    name, // the subject
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      sequence(
        extension('551d0f', bits(7, Buffer.from([0x80]))), // key usage: signatures
        extension('551d25', sequence(oid('2b06010505070301'), oid('2b06010505070302'))), // of a server, of a client
        extension('551d11', sequence(text(0x82, 'localhost'))), // the name that Go looks at
      ),
    ),
  );
  const whole = sequence(body, ECDSA_WITH_SHA256, bits(0, sign('sha256', body, privateKey)));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: `-----BEGIN CERTIFICATE-----\n${whole.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`,
    der: whole,
  };
}
