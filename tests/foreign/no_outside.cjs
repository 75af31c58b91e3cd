// Loaded into a program of Node (NODE_OPTIONS=--require): a connection to anywhere but loopback ends the program.
const net = require("node:net");
const fs = require("node:fs");

const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
    // Node itself passes its normalised arguments, as a list in the first one.
    const [first, second] = Array.isArray(given[0]) ? given[0] : given;
    const host = (typeof first === "object" ? first.host : second) ?? "localhost";
    const isFile = typeof first === "object" && first.path;
    if (!isFile && !["localhost", "127.0.0.1", "::1"].includes(host)) {
        fs.writeSync(2, `a connection to ${host} was tried\n`);
        process.exit(70);
    }
    return connect.apply(this, given);
};
