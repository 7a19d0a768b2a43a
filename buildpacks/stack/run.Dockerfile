# What apps run on. BASE is a minimal Debian: made by mmdebstrap, or the image that FLYNN_BASE_IMAGE names.
ARG BASE
FROM ${BASE}
# Tools that start scripts use, and the libraries that programs built elsewhere are linked with (Heroku's run image has these too).
# Languages come with the apps, or as packages that their buildpacks ask for. Without "file" and git, which are larger than all of this.
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
  bzip2 ca-certificates curl less netcat-openbsd openssl procps tzdata unzip xz-utils zip zstd \
  libatomic1 libbz2-1.0 libcurl4t64 libevent-2.1-7t64 libexpat1 libffi8 libgmp10 libgomp1 libjemalloc2 libmariadb3 libncurses6 libonig5 libpq5 libreadline8t64 \
  libsodium23 libsqlite3-0 libssl3t64 libxml2 libxslt1.1 libyaml-0-2 libzip5 zlib1g \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /usr/share/doc/* /usr/share/man/*
ARG SOURCE_DATE_EPOCH
RUN useradd --uid 1000 --home-dir /app --create-home --skel /nonexistent --shell /bin/bash app
COPY launch /flynn/launch
# The host's certificates, so that TLS works behind a company's own authority. Node does not read the system's bundle by itself.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV HOME=/app LANG=C.UTF-8 NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
WORKDIR /app
ENTRYPOINT ["/flynn/launch"]
CMD ["bash"]
