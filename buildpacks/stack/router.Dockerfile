# What Caddy, unbound, HAProxy and sshd run in.
ARG BASE
FROM ${BASE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends caddy haproxy openssh-server unbound \
  # Keys that every image would have, and the user whom git's clients name: it has no password, and is not locked.
  && rm -f /etc/ssh/ssh_host_* && mkdir -p /run/sshd && useradd --system --create-home --shell /bin/sh --password '*' git \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/*
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV HOME=/root
WORKDIR /
# The container says what runs in it.
ENTRYPOINT []
CMD []
