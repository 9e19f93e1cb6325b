// What node's own HTTP server can do here when it does nothing: reads the body, answers a constant as long as a prediction. The ceiling.
import { createServer } from 'node:http';

const outputs = [{ name: 'probability', shape: [1], datatype: 'FP64', data: [0.5] }];
const body = JSON.stringify({ model_name: 'none', model_version: '1', id: crypto.randomUUID(), outputs });
const headers = { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) };

createServer((request, reply) => {
  request.resume().on('end', () => reply.writeHead(200, headers).end(body));
}).listen(Number(process.argv[2]), '127.0.0.1');
