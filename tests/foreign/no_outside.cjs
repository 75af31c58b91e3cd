// Loaded into a Node program (NODE_OPTIONS=--require). It ends the program at a connection to another machine.
const net = require("node:net");
const fs = require("node:fs");

const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function (...given) {
    // Node itself passes the arguments in normalised form: as a list in the first argument.
    const [first, second] = Array.isArray(given[0]) ? given[0] : given;
    const host = (typeof first === "object" ? first.host : second) ?? "localhost";
    const isFile = typeof first === "object" && first.path;
    if (!isFile && !["localhost", "127.0.0.1", "::1"].includes(host)) {
        fs.writeSync(2, `the program tried to connect to ${host}, which is not this machine\n`);
        process.exit(70);
    }
    return connect.apply(this, given);
};
