# What apps run on. BASE is a minimal Debian: made by mmdebstrap, or the image that FLYNN_BASE_IMAGE names.
ARG BASE
FROM ${BASE}
# Nothing to install on our own base; a pulled one lacks these.
RUN command -v curl >/dev/null && [ -f /etc/ssl/certs/ca-certificates.crt ] || { apt-get update -q \
  && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends ca-certificates curl \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb; }
RUN useradd --uid 1000 --home-dir /app --create-home --skel /nonexistent --shell /bin/bash app
COPY launch /flynn/launch
# The host's certificates, so that TLS works behind a company's own authority. Node does not read the system's bundle by itself.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV HOME=/app LANG=C.UTF-8 NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app
ENTRYPOINT ["/flynn/launch"]
CMD ["bash"]
