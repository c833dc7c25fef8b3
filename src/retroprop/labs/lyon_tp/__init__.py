"""TP « Introduction à l'apprentissage profond » (Lyon, 2019): perceptron, shallow, deep network.

`data` reads the images, `perceptron`, `shallow` and `deep` are the document's parts 1 to 3, and
`deep` and `convolutional` hold the optional part. Each of the four trains from the command line:

    python -m retroprop.labs.lyon_tp.perceptron --steps 60000 --eta 0.001 --seed 0
"""
