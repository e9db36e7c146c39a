/**
 * Start-up hook of every Node.js process in an environment that `sandbox env` made (by NODE_OPTIONS).
 *
 * Node's own https module, and with it Earth Engine's JavaScript client (through the package xmlhttprequest), heeds no
 * proxy variable: it would pass the sandbox by, to the real Google. Here its default agent is one that tunnels through
 * HTTPS_PROXY, except to the hosts of NO_PROXY. A request with an agent of its own keeps it.
 * https://nodejs.org/docs/latest-v20.x/api/http.html#agentcreateconnectionoptions-callback
 */
"use strict";

const http = require("http");
const https = require("https");
const tls = require("tls");

const proxy = process.env.HTTPS_PROXY && new URL(process.env.HTTPS_PROXY);
const direct = (process.env.NO_PROXY || "").split(",").map((host) => host.trim());

class TunnelAgent extends https.Agent {
  createConnection(options, created) {
    if (direct.includes(options.host)) {
      return super.createConnection(options, created);
    }
    const target = `${options.host}:${options.port}`;
    const request = http.request({
      host: proxy.hostname,
      port: proxy.port,
      method: "CONNECT",
      path: target,
      headers: { Host: target },
      agent: false,
    });
    request.once("connect", (response, socket) => {
      if (response.statusCode === 200) {
        // The request's own agent is no part of a TLS connection.
        const servername = options.servername || options.host;
        created(null, tls.connect({ ...options, agent: undefined, socket, servername }));
      } else {
        socket.destroy();
        created(new Error(`The proxy ${proxy.host} refuses ${target} (${response.statusCode} ${response.statusMessage}).`));
      }
    });
    request.once("error", created);
    request.end();
    return undefined;
  }
}

if (proxy) {
  https.globalAgent = new TunnelAgent({ keepAlive: true, timeout: https.globalAgent.options.timeout });
}
