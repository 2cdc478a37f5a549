pganalytics_unit_test(pki_test SOURCES pki/authority_rotation_test.cpp pki/authority_test.cpp
                      pki/client_certificate_test.cpp pki/csr_test.cpp pki/jwt_test.cpp pki/pki_test.cpp
                      LIBRARIES pganalytics_jwt)
