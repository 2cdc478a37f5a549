pganalytics_unit_test(pki_test SOURCES pki/csr_test.cpp pki/pki_test.cpp LIBRARIES pganalytics_pki)
