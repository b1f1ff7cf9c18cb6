// Command certs makes the certificates of one test cluster in a folder: NAME.crt and NAME.key, PEM, P-256.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// wish is one certificate to make: its file name, its common name, and what is unusual about it.
type wish struct {
	file, commonName string
	dnsNames         []string
	addresses        []net.IP
	expired          bool
}

// Where drivers find clouds and those who give tokens for them.
var clouds = []string{
	"s3.eu-central-1.amazonaws.com",
	"*.s3.eu-central-1.amazonaws.com",
	"sts.eu-central-1.amazonaws.com",
	"*.googleapis.com",
	"*.blob.core.windows.net",
	"login.microsoftonline.com",
}

var loopback = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: certs FOLDER")
		os.Exit(2)
	}
	if err := makeAll(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "certs:", err)
		os.Exit(1)
	}
}

func makeAll(folder string) error {
	ca, err := makeAuthority(folder, "ca", "test CA")
	if err != nil {
		return err
	}
	foreign, err := makeAuthority(folder, "foreign-ca", "foreign CA")
	if err != nil {
		return err
	}
	ours := []wish{
		{file: "server", commonName: "server", dnsNames: []string{"localhost"}, addresses: loopback},
		{file: "server-expired", commonName: "server", dnsNames: []string{"localhost"}, addresses: loopback, expired: true},
		{file: "server-other-name", commonName: "server", dnsNames: []string{"etcd.example"}},
		{file: "cloud", commonName: "cloud", dnsNames: clouds, addresses: loopback},
		{file: "client", commonName: "client"},
		{file: "client-root", commonName: "root"},
		{file: "client-expired", commonName: "client", expired: true},
	}
	theirs := []wish{
		{file: "foreign-server", commonName: "server", dnsNames: []string{"localhost"}, addresses: loopback},
		{file: "foreign-client", commonName: "client"},
	}
	for _, one := range ours {
		if err := ca.issue(folder, one); err != nil {
			return err
		}
	}
	for _, one := range theirs {
		if err := foreign.issue(folder, one); err != nil {
			return err
		}
	}
	return nil
}

func template(commonName string, expired bool) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return nil, err
	}
	from, until := time.Now().Add(-time.Hour), time.Now().AddDate(10, 0, 0)
	if expired {
		from, until = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             from,
		NotAfter:              until,
		BasicConstraintsValid: true,
	}, nil
}

func makeAuthority(folder, file, commonName string) (authority, error) {
	certificate, err := template(commonName, false)
	if err != nil {
		return authority{}, err
	}
	certificate.IsCA = true
	certificate.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	self := authority{certificate, key}
	return self, self.sign(folder, file, certificate, key)
}

// Every certificate may be used for both sides: etcd's members and its gateway are clients with the server's.
func (ca authority) issue(folder string, one wish) error {
	certificate, err := template(one.commonName, one.expired)
	if err != nil {
		return err
	}
	certificate.KeyUsage = x509.KeyUsageDigitalSignature
	certificate.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	certificate.DNSNames, certificate.IPAddresses = one.dnsNames, one.addresses
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	return ca.sign(folder, one.file, certificate, key)
}

func (ca authority) sign(folder, file string, certificate *x509.Certificate, key *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, certificate, ca.certificate, &key.PublicKey, ca.key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(folder, file+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writePEM(filepath.Join(folder, file+".key"), "PRIVATE KEY", secret)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
