# What Caddy, unbound and HAProxy run in.
ARG BASE
FROM ${BASE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends caddy haproxy unbound \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/*
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV HOME=/root
WORKDIR /
# The container says what runs in it.
ENTRYPOINT []
CMD []
