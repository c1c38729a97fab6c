actions :enable
