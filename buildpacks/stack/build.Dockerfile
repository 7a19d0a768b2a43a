# What apps are built in: the run image, compilers, and a Node with npm that fetches the Node an app asks for.
ARG BASE
FROM ${BASE}
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
  build-essential bzip2 caddy file git jq libssl-dev openssh-client patch pkg-config procps python3 unzip xz-utils zip zlib1g-dev \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/*
# Where a build happens; the cache's volume takes its owner from here.
RUN install -d -o app -g app /tmp/build /tmp/cache /tmp/env /tmp/buildpacks
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY node /flynn/node
# The tools' own ways to ask for the certificates; npm, git, curl and python read them.
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
  GIT_SSL_CAINFO=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
