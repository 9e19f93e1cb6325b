// Keys in their folder: one for all who race, unreadable for others, rotated and revoked; and Ed25519 as RFC 8032 and openssl know it.
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ed25519Signer, newKeyPair, readKeyPair, verifyEd25519 } from '../../../adapters/signing/ed25519.ts';
import { KeyFolder } from '../../../adapters/signing/key-folder.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'perennial-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mode = (file: string) => (statSync(file).mode & 0o777).toString(8);
/** LibreSSL, macOS's own, cannot check Ed25519 on the command line. */
const openssl3 = () => /^OpenSSL [3-9]/.test(spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? '');
const bytes = (text: string) => new TextEncoder().encode(text);

describe('a folder of keys', () => {
  it('makes one key at first use, the same for all, and lets nobody else read it', () => {
    const place = join(folder, 'dev');
    const ids = Array.from({ length: 5 }, () => new KeyFolder(place, 'dev').signer().keyId);
    expect(new Set(ids).size).toBe(1);
    expect(new KeyFolder(place, 'dev').keyring()).toMatchObject({
      environment: 'dev',
      current: ids[0],
      keys: [{ id: ids[0] }],
    });
    expect([mode(place), mode(join(place, 'signing-key.pem'))]).toEqual(['700', '600']);
    expect(readFileSync(join(place, 'keyring.json'), 'utf8')).not.toMatch(/PRIVATE/);
  });

  it('trusts nobody before that', () => {
    expect(new KeyFolder(folder, 'dev').keyring().keys).toEqual([]);
  });

  it('signs with the new key after a rotation and goes on trusting the old one until it is revoked', () => {
    const keys = new KeyFolder(folder, 'dev');
    const old = keys.signer().keyId;
    expect(() => keys.revoke(old, 'lost')).toThrow(/rotate/);
    const { current } = keys.rotate();
    expect([keys.signer().keyId, current === old]).toEqual([current, false]);
    expect(keys.keyring().keys.map(({ revoked }) => revoked)).toEqual([undefined, undefined]);
    keys.revoke(old, 'lost');
    expect(keys.revoke(old, 'again').keys[0]).toMatchObject({ id: old, revoked: { why: 'lost' } });
    expect(() => keys.revoke('0'.repeat(16), 'x')).toThrow(/no such key/);
  });

  it('refuses to sign with a key that its keyring does not trust', () => {
    const keys = new KeyFolder(folder, 'dev');
    keys.signer();
    writeFileSync(join(folder, 'signing-key.pem'), newKeyPair().privateKey);
    expect(() => keys.signer()).toThrow(/not in its keyring/);
    writeFileSync(join(folder, 'signing-key.pem'), 'garbage');
    expect(() => keys.signer()).toThrow(/not readable as a private key/);
  });

  it('reads no keyring of another environment, none with a key under a false name, and no garbage', () => {
    const keys = new KeyFolder(folder, 'dev');
    keys.signer();
    expect(() => new KeyFolder(folder, 'prod').keyring()).toThrow(/no keyring of prod/);
    const file = join(folder, 'keyring.json');
    const keyring = JSON.parse(readFileSync(file, 'utf8'));
    const [key] = keyring.keys;
    writeFileSync(file, JSON.stringify({ ...keyring, keys: [{ ...key, publicKey: newKeyPair().publicKey }] }));
    expect(() => keys.keyring()).toThrow(/not the one its name says/);
    writeFileSync(file, '{');
    expect(() => keys.keyring()).toThrow(/no keyring/);
  });
});

describe('Ed25519', () => {
  it('signs as RFC 8032 (7.1, test 3)', () => {
    const seed = 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7';
    const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex').toString('base64');
    const pair = readKeyPair(`-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`, 'test');
    const jwk = createPublicKey(pair.publicKey).export({ format: 'jwk' });
    expect(Buffer.from(jwk.x ?? '', 'base64url').toString('hex')).toBe(
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    );
    const signature = ed25519Signer(pair).sign(Uint8Array.of(0xaf, 0x82));
    expect(Buffer.from(signature).toString('hex')).toBe(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    );
    expect(verifyEd25519(pair.publicKey, Uint8Array.of(0xaf, 0x82), signature)).toBe(true);
    expect(verifyEd25519(pair.publicKey, Uint8Array.of(0xaf, 0x83), signature)).toBe(false);
  });

  it.runIf(openssl3())('is understood by openssl', () => {
    const pair = newKeyPair();
    const [key, message, signature] = ['key.pem', 'message', 'signature'].map((name) => join(folder, name));
    writeFileSync(key ?? '', pair.publicKey);
    writeFileSync(message ?? '', 'hello');
    writeFileSync(signature ?? '', ed25519Signer(pair).sign(bytes('hello')));
    const args = ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', message, '-sigfile', signature];
    expect(execFileSync('openssl', args.map(String), { encoding: 'utf8' })).toMatch(/Verified Successfully/);
  });

  it('takes no other kind of key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(() => readKeyPair(pem, 'test')).toThrow(/must be Ed25519/);
  });
});
