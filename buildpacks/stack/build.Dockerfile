# What apps are built in: the run image, compilers, the headers of its libraries, Ruby and Python for buildpacks that are written in them, and a
# Node with npm that fetches the Node an app asks for. More comes as packages that a buildpack asks for.
ARG BASE
FROM ${BASE}
# Commands that take out of the layer what says when it was made: forget-when.sh.
ARG FORGET_WHEN
RUN started=$(date +%s) && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
  autoconf automake bison build-essential caddy file gettext-base git jq openssh-client patch pkg-config python3 rsync ruby wget \
  libbz2-dev libffi-dev libgmp-dev liblzma-dev libmariadb-dev libncurses-dev libpq-dev libreadline-dev libsqlite3-dev libssl-dev libxml2-dev \
  libxslt1-dev libyaml-dev zlib1g-dev \
  && rm -rf /usr/share/doc/* /usr/share/man/* \
  # Where a build happens; the cache's volume takes its owner from here.
  && install -d -o app -g app /tmp/build /tmp/cache /tmp/env /tmp/buildpacks \
  && eval "$FORGET_WHEN"
# The host's certificates, and Node in /flynn/node. An archive brings the times of folders with it.
ADD files.tar /
# The tools' own ways to ask for the certificates; npm, git, curl and python read them.
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt \
  GIT_SSL_CAINFO=/etc/ssl/certs/ca-certificates.crt REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt
