// Stands in for the transports of dockerode that we never use: see dockerode.ts.
module.exports = {};
