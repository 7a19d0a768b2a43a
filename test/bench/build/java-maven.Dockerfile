FROM flynn/build AS build
RUN mkdir -p /usr/share/man/man1 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends openjdk-21-jdk-headless maven libmaven-clean-plugin-java libmaven-compiler-plugin-java libmaven-jar-plugin-java libmaven-resources-plugin-java libsurefire-java && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN mvn --batch-mode -DskipTests clean package

FROM flynn/run
USER root
RUN mkdir -p /usr/share/man/man1 && apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends openjdk-21-jre-headless && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app/target/shop-1.0.jar .
USER app
CMD ["java", "-jar", "shop-1.0.jar"]
