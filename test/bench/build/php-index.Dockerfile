FROM flynn/run
USER root
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends php-fpm php-cli php-bz2 php-curl php-mbstring php-mysql php-pgsql php-sqlite3 php-xml php-zip caddy systemd-standalone-tmpfiles && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
USER app
CMD ["php", "-S", "0.0.0.0:8080"]
