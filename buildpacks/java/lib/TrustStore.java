import java.io.FileOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;

/** Makes a store of certificates, as Java reads it, of a bundle in PEM. The same bundle gives the same bytes. */
class TrustStore {
    public static void main(String[] words) throws Exception {
        // Without encryption and check sum, which have random parts; what is in it is public.
        System.setProperty("keystore.pkcs12.certProtectionAlgorithm", "NONE");
        System.setProperty("keystore.pkcs12.macAlgorithm", "NONE");
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        int number = 0;
        try (var bundle = Files.newInputStream(Path.of(words[0]))) {
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(bundle)) store.setCertificateEntry("ca-" + number++, certificate);
        }
        try (var out = new FileOutputStream(words[1])) {
            store.store(out, "changeit".toCharArray());
        }
    }
}
