#!/bin/sh
# Makes an authority, a certificate for localhost that it signs, and the configuration that lets SQL Server use it, in
# target/mssql. They are for tests on this machine only.
set -eu
cd "$(dirname "$0")/.."
mkdir -p target/mssql
cd target/mssql
openssl req -x509 -newkey rsa:2048 -nodes -days 825 -subj "/CN=migrate tests" \
    -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' > server.ext
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 825 \
    -extfile server.ext -out server.pem
cat > mssql.conf <<'CONF'
[network]
tlscert = /etc/ssl/migrate/server.pem
tlskey = /etc/ssl/migrate/server.key
tlsprotocols = 1.2
forceencryption = 0
CONF
# The server runs as a user of its own.
chmod 644 server.key mssql.conf
