pganalytics_unit_test(pki_test SOURCES pki/authority_test.cpp pki/client_certificate_test.cpp pki/csr_test.cpp
                      pki/jwt_test.cpp pki/pki_test.cpp
                      LIBRARIES pganalytics_jwt)
