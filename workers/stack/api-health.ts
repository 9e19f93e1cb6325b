// Whether an API answers, over HTTP or, where it has a certificate, over HTTPS: by loopback, whatever name the certificate is for, as long
// as it is the very one of the setting. For the supervisor.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { PerennialError } from '../../core/errors.ts';
import type { Environment } from '../../environments/environment.ts';

const PROBE_MS = 5_000;

/** @throws PerennialError UNAVAILABLE, or the connection's own error, while it does not answer. */
export const requireHealth = async ({ url, tls }: Environment['api']): Promise<void> => {
  const address = `${url}/health`;
  const status = tls ? await secureStatus(address, tls.certificate) : await plainStatus(address);
  if (status === 200) return;
  throw new PerennialError('UNAVAILABLE', 'The API is not healthy', { field: 'status', value: status });
};

const plainStatus = async (address: string): Promise<number> => {
  const reply = await fetch(address, { signal: AbortSignal.timeout(PROBE_MS) });
  await reply.body?.cancel();
  return reply.status;
};

const secureStatus = async (address: string, file: string): Promise<number> => {
  const { fingerprint256 } = new X509Certificate(await readFile(file));
  return new Promise((resolve, reject) => {
    // Its issuer and its name are the world's concern; here it is known by its fingerprint.
    const asked = request(address, { rejectUnauthorized: false, agent: false, timeout: PROBE_MS }, (reply) => {
      const shown = (reply.socket as TLSSocket).getPeerCertificate().fingerprint256;
      reply.resume();
      if (shown === fingerprint256) resolve(reply.statusCode ?? 0);
      else
        reject(
          new PerennialError('NOT_TRUSTED', 'The API shows another certificate', { field: 'certificate', value: file }),
        );
    });
    asked.on('timeout', () => asked.destroy(new Error('The API did not answer in time')));
    asked.on('error', reject).end();
  });
};
